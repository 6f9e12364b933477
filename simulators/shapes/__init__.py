"""The incident shapes of a scenario by domain; :mod:`simulators.incidents` joins them. Values, no clock."""
