"""`synthvae`: the variational autoencoder of the NHS, mended; and as it was published, to compare with."""
