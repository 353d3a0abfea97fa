"""For authors of providers: the tests that every provider must pass.

Subclass :class:`ProviderContract` in a pytest module and give it an ``environment`` fixture::

    class TestMyProvider(ProviderContract):
        @pytest.fixture
        def environment(self):
            return SubmissionEnvironment("Mine", where="test")

Needs pytest, which remotebatch itself does not depend on.
"""

from remotebatch.testing.contract import ProviderContract

__all__ = ["ProviderContract"]
