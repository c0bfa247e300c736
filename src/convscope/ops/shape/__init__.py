"""Operations that move values and change none."""
