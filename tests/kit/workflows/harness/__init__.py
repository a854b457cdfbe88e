"""Executes and checks this repository's workflows without GitHub: act, stand-ins, fakes, static tools."""
