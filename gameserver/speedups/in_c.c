/* What plain.py says, in C, and the same to the byte. Linux only, for its epoll; elsewhere plain.py is used. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* --- read_ready --- */

/* What can be read at once of a socket that does not block: bytes, or an errno. */
static PyObject *read_once(int fd, char *room, Py_ssize_t bytes_max) {
    ssize_t count = recv(fd, room, (size_t)bytes_max, MSG_DONTWAIT);
    return count < 0 ? PyLong_FromLong(errno) : PyBytes_FromStringAndSize(room, count);
}

static PyObject *read_event(const struct epoll_event *event, char *room, Py_ssize_t bytes_max) {
    PyObject *fd = PyLong_FromLong(event->data.fd);
    PyObject *events = PyLong_FromUnsignedLong(event->events);
    PyObject *came = event->events == EPOLLOUT ? Py_NewRef(Py_None) : read_once(event->data.fd, room, bytes_max);
    PyObject *read = fd && events && came ? PyTuple_New(3) : NULL;
    if (read == NULL) {
        Py_XDECREF(fd);
        Py_XDECREF(events);
        Py_XDECREF(came);
        return NULL;
    }
    PyTuple_SET_ITEM(read, 0, fd);
    PyTuple_SET_ITEM(read, 1, events);
    PyTuple_SET_ITEM(read, 2, came);
    return read;
}

static PyObject *read_all(const struct epoll_event *events, int count, char *room, Py_ssize_t bytes_max) {
    PyObject *ready = PyList_New(count);
    for (int at = 0; ready != NULL && at < count; at++) {
        PyObject *read = read_event(&events[at], room, bytes_max);
        if (read == NULL) Py_CLEAR(ready);
        else PyList_SET_ITEM(ready, at, read);
    }
    return ready;
}

static PyObject *read_ready(PyObject *module, PyObject *args) {
    PyObject *asked, *ready = NULL;
    int count_max;
    Py_ssize_t bytes_max;
    if (!PyArg_ParseTuple(args, "Oin", &asked, &count_max, &bytes_max)) return NULL;
    int epoll = PyObject_AsFileDescriptor(asked);
    if (epoll < 0) return NULL;
    if (count_max < 1 || bytes_max < 1) return PyErr_Format(PyExc_ValueError, "at least one socket and one byte");
    struct epoll_event *events = PyMem_New(struct epoll_event, (size_t)count_max);
    char *room = PyMem_Malloc((size_t)bytes_max);
    int count = events && room ? epoll_wait(epoll, events, count_max, 0) : -1;
    if (events == NULL || room == NULL) PyErr_NoMemory();
    else if (count < 0) PyErr_SetFromErrno(PyExc_OSError);
    else ready = read_all(events, count, room, bytes_max);
    PyMem_Free(events);
    PyMem_Free(room);
    return ready;
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

enum { VALUES = 5, DIGITS_MAX = 24, TEXT_MAX = 400, DECIMALS = 4 };

struct word {
    char text[TEXT_MAX]; /* a float of 309 digits and its decimals fit */
    int length;
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
    word->length = number < 0;
    word->text[0] = '-';
    unsigned long long size = number < 0 ? -(unsigned long long)number : (unsigned long long)number;
    word->length += write_digits(word->text + word->length, size, 1);
    return 0;
}

/* Four decimals, rounded as printf does: right of what the double really is. Where the product below might round to the
   other side of a half, and where it is too large to be exact, Python's own printing decides. */
static int write_float(struct word *word, PyObject *value) {
    double number = PyFloat_AsDouble(value);
    if (number == -1.0 && PyErr_Occurred()) return -1;
    double scaled = fabs(number) * 1e4, below = floor(scaled), rest = scaled - below;
    if (scaled < 1e10 && fabs(rest - 0.5) > 1e-5) {
        unsigned long long units = (unsigned long long)below + (rest > 0.5);
        word->length = signbit(number) != 0;
        word->text[0] = '-';
        word->length += write_digits(word->text + word->length, units / 10000, 1);
        word->text[word->length++] = '.';
        word->length += write_digits(word->text + word->length, units % 10000, DECIMALS);
        return 0;
    }
    char *printed = PyOS_double_to_string(number, 'f', DECIMALS, 0, NULL);
    if (printed == NULL) return -1;
    word->length = (int)strlen(printed);
    memcpy(word->text, printed, (size_t)word->length);
    PyMem_Free(printed);
    return 0;
}

/* The picture with each `%d`, and the `%b` that follows it, replaced by the length and the text of one word after the
   other, and `%%` by `%`. How many bytes it takes; -1 if it is no such picture. */
static Py_ssize_t paint(const char *picture, Py_ssize_t bytes, const struct word *words, char *out) {
    const char *end = picture + bytes;
    char *begin = out;
    int place = 0; /* two for each word: its length, then its text */
    while (picture < end) {
        const char *mark = memchr(picture, '%', (size_t)(end - picture));
        size_t plain = (size_t)((mark ? mark : end) - picture);
        memcpy(out, picture, plain);
        out += plain;
        if (mark == NULL) break;
        if (mark + 1 == end) return -1;
        const struct word *word = &words[place / 2];
        if (mark[1] == '%') {
            *out++ = '%';
        } else if (place == 2 * VALUES || mark[1] != "db"[place % 2]) {
            return -1;
        } else if (place++ % 2 == 0) {
            out += write_digits(out, (unsigned long long)word->length, 1);
        } else {
            memcpy(out, word->text, (size_t)word->length);
            out += word->length;
        }
        picture = mark + 2;
    }
    return place == 2 * VALUES ? out - begin : -1;
}

static PyObject *fill(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    if (count != 1 + VALUES || !PyBytes_Check(args[0])) return PyErr_Format(PyExc_TypeError, "a picture and 5 values");
    struct word words[VALUES];
    Py_ssize_t picture_bytes = PyBytes_GET_SIZE(args[0]), bytes = picture_bytes; /* a length fits where `%d%b` was */
    for (int at = 0; at < VALUES; at++) {
        PyObject *value = args[1 + at];
        if (at == 2 || at == 3 ? write_float(&words[at], value) : write_int(&words[at], value)) return NULL;
        bytes += words[at].length;
    }
    char *room = PyMem_Malloc((size_t)bytes);
    if (room == NULL) return PyErr_NoMemory();
    bytes = paint(PyBytes_AS_STRING(args[0]), picture_bytes, words, room);
    PyObject *filled = bytes < 0 ? PyErr_Format(PyExc_ValueError, "a picture has 5 places")
                                 : PyBytes_FromStringAndSize(room, bytes);
    PyMem_Free(room);
    return filled;
}

static PyMethodDef functions[] = {
    {"read_ready", read_ready, METH_VARARGS, NULL},
    {"whole_text", whole_text, METH_O, NULL},
    {"fill", (PyCFunction)(void (*)(void))fill, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT, .m_name = "in_c", .m_size = 0, .m_methods = functions};

PyMODINIT_FUNC PyInit_in_c(void) { return PyModule_Create(&module); }
