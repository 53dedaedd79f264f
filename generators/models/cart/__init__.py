"""Sequential classification and regression trees, the method of synthpop."""

from generators.models.cart.learner import Cart

__all__ = ["Cart"]
