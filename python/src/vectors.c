/* Vectors of another library, by address, in buffers of int64 that are laid out as the header's structs. */
#include "shim.h"

/* The addresses, and how many structs of `size` bytes they are. */
static int addresses_take(Core *core, Py_buffer *view, size_t *count, PyObject *value, size_t size,
                          const char *function) {
  if (PyObject_GetBuffer(value, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
    wrong_type(core, function, "vectors", "a buffer of int64", value);
    return -1;
  }
  const char *format = view->format == NULL ? "B" : view->format;
  bool whole = (*format == 'q' || *format == 'l') && format[1] == '\0' && view->itemsize == sizeof(int64_t);
  if (!whole || view->len % (Py_ssize_t)size != 0) {
    PyErr_Format(core->errors[LRS_TYPE_ERROR],
                 "%s: vectors must be int64, %zu a vector, got format '%s' of %zd bytes", function,
                 size / sizeof(int64_t), format, view->len);
    PyBuffer_Release(view);
    return -1;
  }
  *count = (size_t)view->len / size;
  return 0;
}

static int dtype_take(Core *core, lrs_dtype *dtype, PyObject *value, const char *function) {
  bool wide;
  if (flag_of(core, &wide, value, function, "wide") < 0) return -1;
  *dtype = wide ? LRS_FLOAT64 : LRS_FLOAT32;
  return 0;
}

/* Takes over the numbers. */
static PyObject *numbers_wrap(double *numbers, size_t count, bool failed) {
  PyObject *made = failed ? NULL : PyTuple_New((Py_ssize_t)count);
  for (size_t i = 0; made != NULL && i < count; i++) {
    PyObject *number = PyFloat_FromDouble(numbers[i]);
    if (number == NULL || PyTuple_SetItem(made, (Py_ssize_t)i, number) < 0) Py_CLEAR(made);
  }
  PyMem_Free(numbers);
  return made;
}

PyObject *vectors_products(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  lrs_dtype dtype;
  Py_buffer view;
  size_t pairs;
  if (check_count(core, "vectors_products", count, 2, 2) < 0) return NULL;
  if (dtype_take(core, &dtype, arguments[0], "vectors_products") < 0) return NULL;
  if (addresses_take(core, &view, &pairs, arguments[1], sizeof(lrs_pair), "vectors_products") < 0)
    return NULL;
  double *numbers = PyMem_Malloc((pairs + 1) * sizeof *numbers);
  if (numbers == NULL) {
    PyBuffer_Release(&view);
    return PyErr_NoMemory();
  }
  lrs_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = lrs_vectors_products(numbers, dtype, view.buf, pairs);
  Py_END_ALLOW_THREADS;
  PyBuffer_Release(&view);
  return numbers_wrap(numbers, pairs, check(core, status) < 0);
}

PyObject *vectors_direction(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  const char *function = "vectors_direction";
  lrs_dtype dtype;
  Py_buffer view;
  Attributes attributes;
  size_t vectors;
  double step;
  if (check_count(core, function, count, 5, 5) < 0) return NULL;
  const char *name = text_of(core, arguments[0], function, "direction");
  if (name == NULL || number_of(core, &step, arguments[2], function, "step") < 0) return NULL;
  if (dtype_take(core, &dtype, arguments[3], function) < 0) return NULL;
  if (addresses_take(core, &view, &vectors, arguments[4], sizeof(lrs_vectors), function) < 0) return NULL;
  double *numbers = PyMem_Malloc((2 * vectors + 1) * sizeof *numbers);
  if (numbers == NULL) {
    PyBuffer_Release(&view);
    return PyErr_NoMemory();
  }
  if (attributes_take(core, &attributes, arguments[1], name, "attributes") < 0) {
    PyBuffer_Release(&view);
    PyMem_Free(numbers);
    return NULL;
  }
  lrs_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = lrs_vectors_direction(numbers, name, attributes.items, attributes.count, step, dtype, view.buf,
                                 vectors);
  Py_END_ALLOW_THREADS;
  attributes_release(&attributes);
  PyBuffer_Release(&view);
  return numbers_wrap(numbers, 2 * vectors, check(core, status) < 0);
}

PyObject *vectors_smoothing(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  const char *function = "vectors_smoothing";
  Attributes attributes;
  double step, factor;
  if (check_count(core, function, count, 3, 3) < 0) return NULL;
  const char *name = text_of(core, arguments[0], function, "direction");
  if (name == NULL || number_of(core, &step, arguments[2], function, "step") < 0) return NULL;
  if (attributes_take(core, &attributes, arguments[1], name, "attributes") < 0) return NULL;
  lrs_status status = lrs_vectors_smoothing(&factor, name, attributes.items, attributes.count, step);
  attributes_release(&attributes);
  return check(core, status) < 0 ? NULL : PyFloat_FromDouble(factor);
}

PyObject *vectors_move(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  lrs_dtype dtype;
  Py_buffer view;
  size_t vectors;
  double rate;
  if (check_count(core, "vectors_move", count, 3, 3) < 0) return NULL;
  if (dtype_take(core, &dtype, arguments[0], "vectors_move") < 0) return NULL;
  if (number_of(core, &rate, arguments[2], "vectors_move", "rate") < 0) return NULL;
  if (addresses_take(core, &view, &vectors, arguments[1], sizeof(lrs_vectors), "vectors_move") < 0)
    return NULL;
  lrs_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = lrs_vectors_move(dtype, view.buf, vectors, rate);
  Py_END_ALLOW_THREADS;
  PyBuffer_Release(&view);
  if (check(core, status) < 0) return NULL;
  Py_RETURN_NONE;
}

PyObject *vectors_pass(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  const char *function = "vectors_pass";
  static const char *const names[] = {"rate", "scale", "weight", "memory"};
  lrs_dtype dtype;
  Py_buffer view;
  Attributes attributes;
  size_t places;
  double step, sums[3], numbers[4];
  bool second;
  if (check_count(core, function, count, 8, 8) < 0) return NULL;
  const char *rate = text_of(core, arguments[0], function, "rate");
  if (rate == NULL) return NULL;
  const char *direction = text_of(core, arguments[1], function, "direction");
  if (direction == NULL || number_of(core, &step, arguments[3], function, "step") < 0) return NULL;
  if (dtype_take(core, &dtype, arguments[4], function) < 0) return NULL;
  if (flag_of(core, &second, arguments[5], function, "second") < 0) return NULL;
  if (!PyTuple_Check(arguments[6]) || PyTuple_Size(arguments[6]) != 4)
    return wrong_type(core, function, "numbers", "a tuple of 4 numbers", arguments[6]);
  for (int i = 0; i < 4; i++)
    if (number_of(core, &numbers[i], PyTuple_GetItem(arguments[6], i), function, names[i]) < 0) return NULL;
  if (addresses_take(core, &view, &places, arguments[7], sizeof(lrs_places), function) < 0) return NULL;
  if (attributes_take(core, &attributes, arguments[2], direction, "attributes") < 0) {
    PyBuffer_Release(&view);
    return NULL;
  }
  lrs_pass pass = {numbers[0], numbers[1], numbers[2], numbers[3]};
  lrs_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = lrs_vectors_pass(sums, rate, direction, attributes.items, attributes.count, step, dtype, second,
                            &pass, view.buf, places);
  Py_END_ALLOW_THREADS;
  attributes_release(&attributes);
  PyBuffer_Release(&view);
  return check(core, status) < 0 ? NULL : Py_BuildValue("(ddd)", sums[0], sums[1], sums[2]);
}
