"""The laws of adapters. Each file holds those of one kind; `book` lists them all."""
