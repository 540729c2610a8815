"""How good generated images are: classifiers that look at them, figures, and who asks for both."""
