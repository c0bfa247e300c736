"""What a trained model does with a picture: any unit's arithmetic, gradients, maps, and what they say."""
