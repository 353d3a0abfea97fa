class Positive:
    calls = 0

    def __set_name__(self, owner, name):
        self.name = name
        Positive.calls += 1

    def __get__(self, instance, owner):
        return self if instance is None else vars(instance)[self.name]

    def __set__(self, instance, value):
        if value <= 0:
            raise ValueError(f"{self.name} must be positive")
        vars(instance)[self.name] = value


class Account:
    __slots__ = ("__dict__", "__weakref__", "owner", "__secret")
    balance = Positive()
    limit = Positive()

    def __init__(self, balance):
        self.balance = balance
        self.owner = "me"
        self.__secret = "hidden"

    def __getattr__(self, name):
        if name.startswith("any_"):
            return name[4:]
        raise AttributeError(name)

    def secret(self):
        return self.__secret


class Savings(Account):
    __slots__ = ["rate"]

    def __init__(self):
        super().__init__(5)
        self.rate = 2


class Single:
    __slots__ = "only"


def arguments():
    return (Savings(),)


def show(savings):
    account = Account(3)
    try:
        account.balance = -1
    except ValueError as error:
        message = str(error)
    single = Single()
    single.only = 1
    try:
        single.other = 2
    except AttributeError:
        message += ", no other"
    return (
        (message, account.balance, Account.limit.name, Positive.calls),
        (account.any_thing, account.owner, account.secret(), savings.rate, savings.balance, savings.secret()),
        (single.only, Savings.__slots__, Account.owner.__name__),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
