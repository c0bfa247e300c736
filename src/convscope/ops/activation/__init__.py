"""Activations: functions of each value alone, and softmax."""
