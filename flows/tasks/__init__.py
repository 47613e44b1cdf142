"""The steps, in one file for each collaborator that they touch."""
