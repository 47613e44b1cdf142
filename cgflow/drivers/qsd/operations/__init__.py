"""Operations on a home: each changes its manifest, its daemon and its files."""
