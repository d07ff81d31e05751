"""The ways in which the openssl command is given a key of keyd: the engine, and the provider in each order."""
from dataclasses import dataclass

from world import quote


@dataclass(frozen=True)
class Way:
    name: str
    modules: tuple      # options that load what is needed; they stand before the key
    form: tuple = ()    # how the key is to be read, behind the name of the option

    def key(self, handle, option="-key", form="-keyform"):
        """The options that name the key behind `handle`."""
        if self.name == "engine":
            return [*self.modules, option, handle, form, "engine"]
        return [*self.modules, option, "aziot:handle=" + quote(handle)]


ENGINE = Way("engine", ("-engine", "aziot_keys"))
DEFAULT_FIRST = Way("default_first", ("-provider", "default", "-provider", "aziot_keys"))
OURS_FIRST = Way("ours_first", ("-provider", "aziot_keys", "-provider", "default"))
PROPERTIES = Way("properties",
                 ("-provider", "aziot_keys", "-provider", "default", "-propquery", "?provider=default"))
WAYS = (ENGINE, DEFAULT_FIRST, OURS_FIRST, PROPERTIES)
