"""The rank Gaussian copula: every part's own frequencies, and one number for each pair of parts."""

from generators.models.copula.learner import Copula

__all__ = ["Copula"]
