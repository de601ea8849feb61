/* What plain.py says, in C, and the same to the byte. Linux only, for its epoll; elsewhere plain.py is used. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* --- ahead: most of what a player costs is waiting for memory that no cache has any more --- */

/* So many objects before their turn: they, what they refer to, and of wires what that refers to. */
enum { FAR = 8, NEAR = 4, NEXT = 2 };
enum { LINES = 3, LINE_BYTES = 64, BEFORE_BYTES = 16 }; /* fetched of an object, from where the collector's words are */

static int fetch(PyObject *object, void *unused) {
    const char *at = (const char *)object - BEFORE_BYTES;
    for (int line = 0; line < LINES; line++) __builtin_prefetch(at + line * LINE_BYTES, 1);
    return 0;
}

static int visit(PyObject *object, visitproc what) {
    return PyObject_IS_GC(object) ? Py_TYPE(object)->tp_traverse(object, what, NULL) : 0;
}

static int fetch_referents(PyObject *object, void *unused) { return visit(object, fetch); }

static int fetch_theirs(PyObject *object, void *unused) { return visit(object, fetch_referents); }

typedef struct {
    PyObject_HEAD
    PyObject *objects;
    Py_ssize_t at;
} Prefetched;

static PyObject *object_at(const Prefetched *ahead, Py_ssize_t at) {
    return at < PyList_GET_SIZE(ahead->objects) ? PyList_GET_ITEM(ahead->objects, at) : Py_None;
}

static PyObject *prefetched_next(PyObject *self) {
    Prefetched *ahead = (Prefetched *)self;
    Py_ssize_t at = ahead->at;
    if (at >= PyList_GET_SIZE(ahead->objects)) return NULL;
    for (int near = 0; at == 0 && near < FAR; near++) fetch(object_at(ahead, near), NULL);
    fetch(object_at(ahead, at + FAR), NULL);
    fetch_referents(object_at(ahead, at + NEAR), NULL);
    ahead->at++;
    return Py_NewRef(PyList_GET_ITEM(ahead->objects, at));
}

static void prefetched_dealloc(PyObject *self) {
    Py_XDECREF(((Prefetched *)self)->objects);
    PyObject_Free(self);
}

static PyTypeObject prefetched_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "gameserver.speedups.in_c.Prefetched",
    .tp_basicsize = sizeof(Prefetched),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = prefetched_dealloc,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = prefetched_next,
};

static PyObject *prefetched(PyObject *module, PyObject *objects) {
    if (!PyList_Check(objects)) return PyErr_Format(PyExc_TypeError, "what to go through is a list");
    Prefetched *ahead = PyObject_New(Prefetched, &prefetched_type);
    if (ahead == NULL) return NULL;
    ahead->objects = Py_NewRef(objects);
    ahead->at = 0;
    return (PyObject *)ahead;
}

/* --- read_ready --- */

typedef struct {
    PyObject_HEAD
    PyObject *wires; /* by descriptor */
    struct epoll_event *events;
    char *room;
    Py_ssize_t bytes_max;
    int count, at;
} Ready;

/* What can be read at once of a socket that does not block: bytes, or an errno. */
static PyObject *read_once(int fd, char *room, Py_ssize_t bytes_max) {
    ssize_t count = recv(fd, room, (size_t)bytes_max, MSG_DONTWAIT);
    return count < 0 ? PyLong_FromLong(errno) : PyBytes_FromStringAndSize(room, count);
}

static PyObject *read_event(const Ready *ready, const struct epoll_event *event, PyObject *wire) {
    PyObject *events = PyLong_FromUnsignedLong(event->events);
    PyObject *came = event->events == EPOLLOUT ? Py_NewRef(Py_None)
                                               : read_once(event->data.fd, ready->room, ready->bytes_max);
    PyObject *read = events && came ? PyTuple_Pack(3, wire, events, came) : NULL;
    Py_XDECREF(events);
    Py_XDECREF(came);
    return read;
}

static PyObject *wire_at(const Ready *ready, int at) {
    int fd = at < ready->count ? ready->events[at].data.fd : -1;
    return fd >= 0 && fd < PyList_GET_SIZE(ready->wires) ? PyList_GET_ITEM(ready->wires, fd) : Py_None;
}

static PyObject *ready_next(PyObject *self) {
    Ready *ready = (Ready *)self;
    fetch(wire_at(ready, ready->at + FAR), NULL);
    fetch_referents(wire_at(ready, ready->at + NEAR), NULL);
    fetch_theirs(wire_at(ready, ready->at + NEXT), NULL);
    while (ready->at < ready->count) {
        const struct epoll_event *event = &ready->events[ready->at];
        PyObject *wire = wire_at(ready, ready->at++);
        if (wire != Py_None) return read_event(ready, event, wire);
    }
    return NULL;
}

static void ready_dealloc(PyObject *self) {
    Ready *ready = (Ready *)self;
    Py_XDECREF(ready->wires);
    PyMem_Free(ready->events);
    PyMem_Free(ready->room);
    PyObject_Free(self);
}

static PyTypeObject ready_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "gameserver.speedups.in_c.Ready",
    .tp_basicsize = sizeof(Ready),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = ready_dealloc,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = ready_next,
};

static PyObject *read_ready(PyObject *module, PyObject *args) {
    PyObject *asked, *wires;
    int count_max;
    Py_ssize_t bytes_max;
    if (!PyArg_ParseTuple(args, "OO!in", &asked, &PyList_Type, &wires, &count_max, &bytes_max)) return NULL;
    int epoll = PyObject_AsFileDescriptor(asked);
    if (epoll < 0) return NULL;
    if (count_max < 1 || bytes_max < 1) return PyErr_Format(PyExc_ValueError, "at least one socket and one byte");
    Ready *ready = PyObject_New(Ready, &ready_type);
    if (ready == NULL) return NULL;
    ready->wires = Py_NewRef(wires);
    ready->events = PyMem_New(struct epoll_event, (size_t)count_max);
    ready->room = PyMem_Malloc((size_t)bytes_max);
    ready->bytes_max = bytes_max;
    ready->at = 0;
    ready->count = ready->events && ready->room ? epoll_wait(epoll, ready->events, count_max, 0) : -1;
    if (ready->count >= 0) return (PyObject *)ready;
    if (ready->events && ready->room) PyErr_SetFromErrno(PyExc_OSError);
    else PyErr_NoMemory();
    Py_DECREF(ready);
    return NULL;
}

/* --- whole_text: RFC 6455, section 5.2 --- */

enum { LAST_TEXT = 0x81, MASKED = 0x80, MASK_AT = 2, MASK_BYTES = 4, HEADER_BYTES = 6, SHORT_BYTES_MAX = 125 };

static PyObject *whole_text(PyObject *module, PyObject *frame) {
    if (!PyBytes_Check(frame)) return PyErr_Format(PyExc_TypeError, "a frame is bytes");
    const unsigned char *bytes = (const unsigned char *)PyBytes_AS_STRING(frame);
    Py_ssize_t length = PyBytes_GET_SIZE(frame) - HEADER_BYTES;
    if (length < 0 || length > SHORT_BYTES_MAX || bytes[0] != LAST_TEXT || bytes[1] != (MASKED | length))
        Py_RETURN_NONE;
    PyObject *text = PyBytes_FromStringAndSize(NULL, length);
    if (text == NULL) return NULL;
    char *out = PyBytes_AS_STRING(text);
    for (Py_ssize_t at = 0; at < length; at++)
        out[at] = (char)(bytes[HEADER_BYTES + at] ^ bytes[MASK_AT + at % MASK_BYTES]);
    return text;
}

/* --- fill --- */

enum { WORDS = 6, DIGITS_MAX = 24, TEXT_MAX = 400, DECIMALS = 4 };

struct word {
    const char *text;
    Py_ssize_t length;
    char room[TEXT_MAX]; /* for a number: a float of 309 digits and its decimals fit */
};

/* Decimal digits, at least so many of them. */
static int write_digits(char *out, unsigned long long number, int at_least) {
    char digits[DIGITS_MAX];
    int count = 0;
    while (number || count < at_least) {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    }
    for (int at = 0; at < count; at++) out[at] = digits[count - 1 - at];
    return count;
}

static int write_int(struct word *word, PyObject *value) {
    long long number = PyLong_AsLongLong(value);
    if (number == -1 && PyErr_Occurred()) return -1;
    unsigned long long size = number < 0 ? -(unsigned long long)number : (unsigned long long)number;
    word->text = word->room;
    word->length = number < 0;
    word->room[0] = '-';
    word->length += write_digits(word->room + word->length, size, 1);
    return 0;
}

/* Four decimals, rounded as printf does: right of what the double really is. Where the product below might round to the
   other side of a half, and where it is too large to be exact, Python's own printing decides. */
static int write_float(struct word *word, PyObject *value) {
    double number = PyFloat_AsDouble(value);
    if (number == -1.0 && PyErr_Occurred()) return -1;
    word->text = word->room;
    double scaled = fabs(number) * 1e4, below = floor(scaled), rest = scaled - below;
    if (scaled < 1e10 && fabs(rest - 0.5) > 1e-5) {
        unsigned long long units = (unsigned long long)below + (rest > 0.5);
        word->length = signbit(number) != 0;
        word->room[0] = '-';
        word->length += write_digits(word->room + word->length, units / 10000, 1);
        word->room[word->length++] = '.';
        word->length += write_digits(word->room + word->length, units % 10000, DECIMALS);
        return 0;
    }
    char *printed = PyOS_double_to_string(number, 'f', DECIMALS, 0, NULL);
    if (printed == NULL) return -1;
    word->length = (Py_ssize_t)strlen(printed);
    memcpy(word->room, printed, (size_t)word->length);
    PyMem_Free(printed);
    return 0;
}

/* Where it may write. */
struct space {
    char *at, *end;
};

static int put(struct space *space, const char *text, Py_ssize_t length) {
    if (length > space->end - space->at) return 0;
    memcpy(space->at, text, (size_t)length);
    space->at += length;
    return 1;
}

static int put_length(struct space *space, Py_ssize_t length) {
    char digits[DIGITS_MAX];
    return put(space, digits, write_digits(digits, (unsigned long long)length, 1));
}

enum painted { PAINTED, NO_ROOM, NO_PICTURE };

/* The picture with each `%d`, and the `%b` that follows it, replaced by the length and the text of one word after the
   other, and `%%` by `%`. */
static enum painted paint(const char *picture, Py_ssize_t bytes, const struct word *words, struct space *space) {
    const char *end = picture + bytes;
    int place = 0, fits = 1; /* two places for each word: its length, then its text */
    while (picture < end) {
        const char *mark = memchr(picture, '%', (size_t)(end - picture));
        fits = fits && put(space, picture, (mark ? mark : end) - picture);
        if (mark == NULL) break;
        if (mark + 1 == end) return NO_PICTURE;
        const struct word *word = &words[place / 2];
        if (mark[1] == '%') fits = fits && put(space, mark, 1);
        else if (place == 2 * WORDS || mark[1] != "db"[place % 2]) return NO_PICTURE;
        else if (place++ % 2 == 0) fits = fits && put_length(space, word->length);
        else fits = fits && put(space, word->text, word->length);
        picture = mark + 2;
    }
    return place != 2 * WORDS ? NO_PICTURE : fits ? PAINTED : NO_ROOM;
}

enum { ROOM, AT, PICTURE, KEY, SEQ, TICK, X, Y, FACING, FILL_ARGUMENTS };

static PyObject *fill(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    if (count != FILL_ARGUMENTS || !PyByteArray_Check(args[ROOM]) || !PyBytes_Check(args[PICTURE]) ||
        !PyBytes_Check(args[KEY]))
        return PyErr_Format(PyExc_TypeError, "a bytearray, a place in it, a picture, a key and 5 numbers");
    Py_ssize_t at = PyLong_AsSsize_t(args[AT]);
    if (at == -1 && PyErr_Occurred()) return NULL;
    struct word words[WORDS];
    words[0].text = PyBytes_AS_STRING(args[KEY]);
    words[0].length = PyBytes_GET_SIZE(args[KEY]);
    if (write_int(&words[1], args[SEQ]) || write_int(&words[2], args[TICK]) || write_float(&words[3], args[X]) ||
        write_float(&words[4], args[Y]) || write_int(&words[5], args[FACING]))
        return NULL;
    char *room = PyByteArray_AS_STRING(args[ROOM]); /* not before: a number may be an object whose code changes it */
    Py_ssize_t bytes = PyByteArray_GET_SIZE(args[ROOM]);
    if (at < 0) return PyErr_Format(PyExc_ValueError, "a place is no less than 0");
    struct space space = {room + (at < bytes ? at : bytes), room + bytes};
    enum painted painted = paint(PyBytes_AS_STRING(args[PICTURE]), PyBytes_GET_SIZE(args[PICTURE]), words, &space);
    if (painted == NO_PICTURE) return PyErr_Format(PyExc_ValueError, "a picture has 6 places");
    return PyLong_FromSsize_t(painted == PAINTED && at <= bytes ? space.at - room : -1);
}

/* --- lay_out: struct io_uring_sqe of <linux/io_uring.h>, as far as a send needs it --- */

struct send {
    uint32_t what;
    int32_t descriptor;
    uint64_t unused;
    uint64_t address;
    uint32_t length, flags;
    uint64_t name;
    uint64_t unused_too[3];
};

enum { SEND = 26, TELL_FAILURES_ONLY = 1 << 6 << 8, SEND_FLAGS = MSG_NOSIGNAL | MSG_WAITALL | MSG_DONTWAIT };

struct room {
    Py_buffer table, arena;
    uint64_t address; /* the arena's */
    Py_ssize_t filled;
};

/* The part's bytes in the arena: how many; -1 if they have to wait for the next call. */
static Py_ssize_t take_in(struct room *room, PyObject *part, int is_first) {
    Py_ssize_t length = PyBytes_GET_SIZE(part), left = room->arena.len - room->filled;
    if (length > left && !is_first) return -1;
    if (length > left) length = left;
    memcpy((char *)room->arena.buf + room->filled, PyBytes_AS_STRING(part), (size_t)length);
    room->filled += length;
    return length;
}

static PyObject *lay_out_all(struct room *room, uint64_t first, PyObject *descriptors, PyObject *parts, Py_ssize_t begin) {
    Py_ssize_t places = room->table.len / (Py_ssize_t)sizeof(struct send), length = 0, count = 0;
    PyObject *before = NULL;
    for (Py_ssize_t name = begin; count < places && name < PyList_GET_SIZE(parts); name++) {
        PyObject *part = PyList_GET_ITEM(parts, name);
        long descriptor = PyLong_AsLong(PyList_GET_ITEM(descriptors, name));
        if (descriptor == -1 && PyErr_Occurred()) return NULL;
        if (!PyBytes_Check(part)) return PyErr_Format(PyExc_TypeError, "a part is bytes");
        if (part != before) {
            Py_ssize_t taken = take_in(room, part, count == 0);
            if (taken < 0) break;
            length = taken;
            before = part;
        }
        struct send *send = (struct send *)room->table.buf + (first + (uint64_t)count) % (uint64_t)places;
        *send = (struct send){.what = SEND | TELL_FAILURES_ONLY, .descriptor = (int32_t)descriptor,
                              .address = room->address + (uint64_t)(room->filled - length),
                              .length = (uint32_t)length, .flags = SEND_FLAGS, .name = (uint64_t)name};
        count++;
        if (length < PyBytes_GET_SIZE(part)) break;
    }
    return Py_BuildValue("nn", count, length);
}

static PyObject *lay_out(PyObject *module, PyObject *args) {
    struct room room = {0};
    unsigned long long address, first;
    PyObject *descriptors, *parts, *laid_out = NULL;
    Py_ssize_t begin;
    if (!PyArg_ParseTuple(args, "w*w*KKO!O!n", &room.table, &room.arena, &address, &first, &PyList_Type, &descriptors,
                          &PyList_Type, &parts, &begin))
        return NULL;
    room.address = address;
    if (begin < 0 || PyList_GET_SIZE(descriptors) != PyList_GET_SIZE(parts))
        PyErr_SetString(PyExc_ValueError, "a descriptor for each part, and none before the first");
    else
        laid_out = lay_out_all(&room, first, descriptors, parts, begin);
    PyBuffer_Release(&room.table);
    PyBuffer_Release(&room.arena);
    return laid_out;
}

static PyMethodDef functions[] = {
    {"prefetched", prefetched, METH_O, NULL},
    {"read_ready", read_ready, METH_VARARGS, NULL},
    {"whole_text", whole_text, METH_O, NULL},
    {"lay_out", lay_out, METH_VARARGS, NULL},
    {"fill", (PyCFunction)(void (*)(void))fill, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT, .m_name = "in_c", .m_size = 0, .m_methods = functions};

PyMODINIT_FUNC PyInit_in_c(void) {
    if (PyType_Ready(&ready_type) < 0 || PyType_Ready(&prefetched_type) < 0) return NULL;
    return PyModule_Create(&module);
}
