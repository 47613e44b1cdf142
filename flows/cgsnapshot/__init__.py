"""Operations on cgsnapshots."""
