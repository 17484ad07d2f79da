"""The test suites: unit, integration and e2e mirror the packages."""
