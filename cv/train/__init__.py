"""Training, evaluation and export of the model. Only here is torch imported."""
