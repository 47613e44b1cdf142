"""Operations on snapshots of single volumes."""
