"""Operations on consistency groups."""
