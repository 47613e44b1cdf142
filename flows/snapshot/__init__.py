"""Operations on copies of single volumes."""
