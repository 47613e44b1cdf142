"""Authentication and authorization: identities, policy checks, and one module per auth strategy."""
