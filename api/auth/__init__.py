"""Who is asking, and what the policy permits: identities, authorization, and one file for each strategy."""
