"""Workflow: a graph says whose turn it is. Conditions and targets are values, and a user's own are given to the adapter."""
