import concurrent.futures
import multiprocessing

import settings

OFFSET = 100


class Failed(Exception):
    pass


def work(number):
    if number == 9:
        raise Failed(number)
    return OFFSET + number, settings.current(), __name__ in ("__main__", "__mp_main__", "process_pools")


def prepare():
    settings.configure("prepared")


def show():
    found = []
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        with context.Pool(1, initializer=prepare) as pool:
            found.append((method, pool.map(work, [1, 2])))
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
            found.append(list(executor.map(work, [3, 4])))
            try:
                executor.submit(work, 9).result()
            except Failed as error:
                found.append(repr(error))
        queue = context.SimpleQueue()
        process = context.Process(target=queue.put, args=(Failed("sent"),))
        process.start()
        found.append(repr(queue.get()))
        process.join()
    return found


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
