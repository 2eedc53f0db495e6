/* Tensor: a handle with properties and the buffer protocol. Python subclasses it and registers the subclass.
 */
#include "shim.h"

static const struct {
  const char *name;
  const char *format; /* of the struct module, as NumPy spells it */
  Py_ssize_t size;
} dtypes[] = {
    [LRS_FLOAT32] = {"float32", "f", 4},
    [LRS_FLOAT64] = {"float64", "d", 8},
    [LRS_INT64] = {"int64", sizeof(long) == 8 ? "l" : "q", 8},
    [LRS_UINT8] = {"uint8", "B", 1},
    [LRS_BOOL] = {"bool", "?", 1},
};
enum { DTYPE_COUNT = sizeof dtypes / sizeof *dtypes };

static PyObject *tensor_new(PyTypeObject *type, PyObject *Py_UNUSED(arguments),
                            PyObject *Py_UNUSED(keywords)) {
  Core *core = core_of(type);
  if (core == NULL) return NULL;
  PyErr_SetString(core->errors[LRS_TYPE_ERROR], "Tensor: cannot be called; tensor() makes tensors");
  return NULL;
}

static void tensor_dealloc(PyObject *object) {
  lrs_tensor_destroy(((Tensor *)object)->handle);
  object_free(object);
}

PyObject *tensor_wrap(Core *core, lrs_tensor *handle) {
  if (handle == NULL) Py_RETURN_NONE;
  Tensor *made = (Tensor *)core->tensor_alloc(core->tensor_class, 0);
  if (made == NULL) {
    lrs_tensor_destroy(handle);
    return NULL;
  }
  made->handle = handle;
  made->core = core;
  made->dtype = lrs_tensor_dtype(handle);
  return (PyObject *)made;
}

PyObject *tensors_wrap(Core *core, lrs_tensor **handles, size_t count) {
  PyObject *made = PyTuple_New((Py_ssize_t)count);
  for (size_t i = 0; i < count; i++) {
    PyObject *one = made == NULL ? NULL : tensor_wrap(core, handles[i]);
    if (made == NULL) {
      lrs_tensor_destroy(handles[i]);
    } else if (one == NULL || PyTuple_SetItem(made, (Py_ssize_t)i, one) < 0) {
      Py_CLEAR(made);
    }
  }
  return made;
}

lrs_tensor *tensor_handle(Core *core, PyObject *value, const char *function, const char *argument) {
  if (PyObject_TypeCheck(value, core->tensor_type)) return ((Tensor *)value)->handle;
  wrong_type(core, function, argument, "a Tensor", value);
  return NULL;
}

int tensors_take(Core *core, Tensors *list, PyObject *sequence, const char *function, const char *argument) {
  list->items = list->short_items;
  list->count = 0;
  list->kept = NULL;
  if (PyTuple_Check(sequence)) {
    list->kept = Py_NewRef(sequence);
  } else if (PyList_Check(sequence)) {
    list->kept = PyList_AsTuple(sequence);
  } else {
    wrong_type(core, function, argument, "a tuple of Tensors", sequence);
  }
  if (list->kept == NULL) return -1;
  list->count = (size_t)PyTuple_Size(list->kept);
  if (list->count > SHORT_LIST) list->items = PyMem_Malloc(list->count * sizeof *list->items);
  if (list->items == NULL) {
    PyErr_NoMemory();
    tensors_release(list);
    return -1;
  }
  for (size_t i = 0; i < list->count; i++) {
    PyObject *item = PyTuple_GetItem(list->kept, (Py_ssize_t)i);
    if (!PyObject_TypeCheck(item, core->tensor_type)) {
      char which[64];
      PyOS_snprintf(which, sizeof which, "%s[%zu]", argument, i);
      wrong_type(core, function, which, "a Tensor", item);
      tensors_release(list);
      return -1;
    }
    list->items[i] = ((Tensor *)item)->handle;
  }
  return 0;
}

void tensors_release(Tensors *list) {
  if (list->items != list->short_items) PyMem_Free(list->items);
  list->items = list->short_items;
  Py_CLEAR(list->kept);
}

/* ---- making ---- */

static int dtype_named(Core *core, lrs_dtype *out, PyObject *value) {
  const char *name = text_of(core, value, "tensor", "dtype_name");
  if (name == NULL) return -1;
  for (*out = 0; *out < DTYPE_COUNT; (*out)++) {
    if (PyUnicode_CompareWithASCIIString(value, dtypes[*out].name) == 0) return 0;
  }
  PyErr_Format(core->errors[LRS_TYPE_ERROR],
               "tensor: dtype_name must be one of float32, float64, int64, uint8, bool, got '%s'", name);
  return -1;
}

static int shape_of(Core *core, int64_t *shape, int32_t *rank, int64_t *size, PyObject *value,
                    Py_ssize_t width) {
  if (!PyTuple_Check(value) && !PyList_Check(value)) {
    wrong_type(core, "tensor", "shape", "a tuple of integers", value);
    return -1;
  }
  PyObject *lengths = PySequence_Tuple(value);
  if (lengths == NULL) return -1;
  Py_ssize_t count = PyTuple_Size(lengths);
  bool valid = count <= MAX_RANK;
  int64_t bytes = width;
  for (Py_ssize_t i = 0; valid && i < count; i++) {
    long long length;
    if (integer_of(core, &length, PyTuple_GetItem(lengths, i), "tensor", "shape") < 0) {
      Py_DECREF(lengths);
      return -1;
    }
    shape[i] = length;
    valid = length >= 0 && !__builtin_mul_overflow(bytes, length, &bytes);
  }
  Py_DECREF(lengths);
  if (!valid) {
    PyErr_Format(core->errors[LRS_SHAPE_ERROR],
                 "tensor: shape must be at most %d lengths of at least 0 that fit in memory, got %R",
                 MAX_RANK, value);
    return -1;
  }
  *rank = (int32_t)count;
  *size = bytes / width;
  return 0;
}

static bool holds(const Py_buffer *view, lrs_dtype dtype) {
  const char *format = view->format == NULL ? "B" : view->format;
  bool little = *(const unsigned char *)&(int){1} == 1;
  if (*format == '@' || *format == '=' || *format == (little ? '<' : '>')) format++;
  if (format[0] == '\0' || format[1] != '\0' || view->itemsize != dtypes[dtype].size) return false;
  if (dtype == LRS_INT64) return *format == 'q' || *format == 'l';
  return *format == *dtypes[dtype].format;
}

PyObject *tensor_make(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  lrs_dtype dtype;
  int64_t shape[MAX_RANK], size;
  int32_t rank;
  bool requires_grad = false;
  if (check_count(core, "tensor", count, 3, 4) < 0 || dtype_named(core, &dtype, arguments[1]) < 0)
    return NULL;
  if (shape_of(core, shape, &rank, &size, arguments[2], dtypes[dtype].size) < 0) return NULL;
  if (count == 4 && flag_of(core, &requires_grad, arguments[3], "tensor", "requires_grad") < 0) return NULL;

  lrs_tensor *handle = NULL;
  if (arguments[0] == Py_None) {
    int status = check(core, lrs_tensor_create(&handle, dtype, rank, shape, NULL, requires_grad));
    return status < 0 ? NULL : tensor_wrap(core, handle);
  }
  Py_buffer view;
  if (PyObject_GetBuffer(arguments[0], &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
    if (PyErr_ExceptionMatches(core->error)) return NULL;
    return wrong_type(core, "tensor", "buffer", "None or a C-contiguous buffer", arguments[0]);
  }
  int status = -1;
  if (!holds(&view, dtype)) {
    PyErr_Format(core->errors[LRS_TYPE_ERROR], "tensor: buffer must hold %s, got format '%s' of %zd bytes",
                 dtypes[dtype].name, view.format == NULL ? "B" : view.format, view.itemsize);
  } else if (view.len / view.itemsize != size) {
    PyErr_Format(core->errors[LRS_SHAPE_ERROR], "tensor: shape %R needs %lld elements, buffer has %zd",
                 arguments[2], (long long)size, view.len / view.itemsize);
  } else {
    /* an empty buffer may have no address, and NULL would mean zeros: the same thing here */
    status = check(core, lrs_tensor_create(&handle, dtype, rank, shape, view.buf, requires_grad));
  }
  PyBuffer_Release(&view);
  return status < 0 ? NULL : tensor_wrap(core, handle);
}

/* ---- the buffer protocol ---- */

static int tensor_get_buffer(PyObject *object, Py_buffer *view, int flags) {
  Tensor *self = (Tensor *)object;
  lrs_description about;
  void *data;
  view->obj = NULL;
  if (check(self->core, lrs_tensor_describe(&about, self->handle)) < 0) return -1;
  if (check(self->core, lrs_tensor_data(&data, self->handle)) < 0) return -1;
  if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && about.rank > 1) {
    PyErr_SetString(PyExc_BufferError, "Tensor: memory is in C order, not in Fortran order");
    return -1;
  }
  if (about.strides != NULL &&
      ((flags & PyBUF_STRIDES) != PyBUF_STRIDES || (flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS ||
       (flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS)) {
    PyErr_SetString(PyExc_BufferError, "Tensor: a transposed view is not contiguous; clone() it first");
    return -1;
  }
  Py_ssize_t *extents = PyMem_Malloc((2 * (size_t)about.rank + 1) * sizeof *extents);
  if (extents == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  if (check(self->core, lrs_tensor_lend(self->handle)) < 0) {
    PyMem_Free(extents);
    return -1;
  }
  Py_ssize_t *strides = extents + about.rank, step = dtypes[about.dtype].size;
  for (int32_t axis = about.rank - 1; axis >= 0; axis--) {
    extents[axis] = (Py_ssize_t)about.shape[axis];
    strides[axis] = about.strides == NULL ? step : (Py_ssize_t)about.strides[axis] * dtypes[about.dtype].size;
    step *= extents[axis];
  }
  view->buf = data;
  view->len = (Py_ssize_t)about.size * dtypes[about.dtype].size;
  view->readonly = 0;
  view->itemsize = dtypes[about.dtype].size;
  view->format = flags & PyBUF_FORMAT ? (char *)dtypes[about.dtype].format : NULL;
  view->ndim = about.rank;
  view->shape = (flags & PyBUF_ND) == PyBUF_ND ? extents : NULL;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? strides : NULL;
  view->suboffsets = NULL;
  view->internal = extents;
  view->obj = Py_NewRef(object);
  return 0;
}

static void tensor_release_buffer(PyObject *object, Py_buffer *view) {
  Tensor *self = (Tensor *)object;
  lrs_tensor_take_back(self->handle);
  PyMem_Free(view->internal);
}

/* ---- operators ---- */

static const struct {
  const char *operation, *forward, *reflected;
} operators[OPERATORS] = {
    [ADD] = {"add", "_add", "_radd"},
    [SUBTRACT] = {"sub", "_sub", "_rsub"},
    [MULTIPLY] = {"mul", "_mul", "_rmul"},
    [DIVIDE] = {"div", "_truediv", "_rtruediv"},
    [MATMUL] = {"matmul", "_matmul", "_rmatmul"},
};

int operators_create(Core *core) {
  core->operations = PyDict_New();
  if (core->operations == NULL) return -1;
  for (int i = 0; i < OPERATORS; i++) {
    core->forward[i] = PyUnicode_InternFromString(operators[i].forward);
    core->reflected[i] = PyUnicode_InternFromString(operators[i].reflected);
    if (core->forward[i] == NULL || core->reflected[i] == NULL) return -1;
    if (check(core, lrs_operation_number(&core->operators[i], operators[i].operation)) < 0) return -1;
  }
  core->item = PyUnicode_InternFromString("_item");
  if (core->item == NULL || check(core, lrs_operation_number(&core->slice, "slice")) < 0) return -1;
  return check(core, lrs_operation_number(&core->reshape, "reshape"));
}

/* Of this file: no other type has this slot, and its module is not known here yet. */
static bool is_tensor(PyObject *object) {
  return PyType_GetSlot(Py_TYPE(object), Py_bf_getbuffer) == (void *)tensor_get_buffer;
}

static PyObject *operate(PyObject *a, PyObject *b, int which) {
  bool left = is_tensor(a), right = is_tensor(b);
  if (left && right) {
    Tensor *x = (Tensor *)a, *y = (Tensor *)b;
    if (x->core == y->core && x->dtype == y->dtype && IS_FLOATING(x)) {
      lrs_tensor *made = NULL, *const inputs[] = {x->handle, y->handle};
      if (check(x->core, lrs_apply_number(&made, x->core->operators[which], inputs, 2, NULL, 0)) < 0)
        return NULL;
      return tensor_wrap(x->core, made);
    }
  }
  if (left) return PyObject_CallMethodObjArgs(a, ((Tensor *)a)->core->forward[which], b, NULL);
  if (right) return PyObject_CallMethodObjArgs(b, ((Tensor *)b)->core->reflected[which], a, NULL);
  Py_RETURN_NOTIMPLEMENTED;
}

static PyObject *tensor_add(PyObject *a, PyObject *b) { return operate(a, b, ADD); }
static PyObject *tensor_subtract(PyObject *a, PyObject *b) { return operate(a, b, SUBTRACT); }
static PyObject *tensor_multiply(PyObject *a, PyObject *b) { return operate(a, b, MULTIPLY); }
static PyObject *tensor_divide(PyObject *a, PyObject *b) { return operate(a, b, DIVIDE); }
static PyObject *tensor_matmul(PyObject *a, PyObject *b) { return operate(a, b, MATMUL); }

/* ---- parts and shapes ---- */

/* Start, stop and step of one axis of `size`; false for what is neither a whole number nor a forward slice.
 */
static bool bounds_of(double *bounds, PyObject *item, Py_ssize_t size) {
  Py_ssize_t start, stop, step;
  if (PyLong_CheckExact(item)) {
    start = PyLong_AsSsize_t(item);
    if (start == -1 && PyErr_Occurred()) PyErr_Clear();
    if (start < -size || start >= size) return false;
    start += start < 0 ? size : 0;
    stop = start + 1;
    step = 0; /* leaves the axis out */
  } else {
    if (!PySlice_Check(item)) return false;
    if (PySlice_Unpack(item, &start, &stop, &step) < 0) {
      PyErr_Clear();
      return false;
    }
    if (step < 1) return false;
    if (PySlice_AdjustIndices(size, &start, &stop, step) == 0) start = stop = 0;
    if (step > size) step = size + 1;
  }
  bounds[0] = (double)start;
  bounds[1] = (double)stop;
  bounds[2] = (double)step;
  return true;
}

static PyObject *tensor_part(PyObject *object, PyObject *key) {
  Tensor *self = (Tensor *)object;
  lrs_description about;
  double bounds[3 * MAX_RANK];
  if (check(self->core, lrs_tensor_describe(&about, self->handle)) < 0) return NULL;
  bool several = PyTuple_Check(key);
  Py_ssize_t given = several ? PyTuple_Size(key) : 1;
  bool simple = given <= about.rank;
  for (Py_ssize_t axis = 0; simple && axis < about.rank; axis++) {
    Py_ssize_t size = (Py_ssize_t)about.shape[axis];
    double *place = bounds + 3 * axis;
    if (axis < given) {
      simple = bounds_of(place, several ? PyTuple_GetItem(key, axis) : key, size);
    } else {
      place[0] = 0;
      place[1] = (double)size;
      place[2] = 1;
    }
  }
  if (!simple) return PyObject_CallMethodObjArgs(object, self->core->item, key, NULL);
  lrs_attribute named = {.key = "bounds", .values = bounds, .count = 3 * (size_t)about.rank};
  lrs_tensor *made = NULL;
  if (check(self->core, lrs_apply_number(&made, self->core->slice, &self->handle, 1, &named, 1)) < 0)
    return NULL;
  return tensor_wrap(self->core, made);
}

/* What iteration asks for. */
static PyObject *tensor_row(PyObject *object, Py_ssize_t row) {
  PyObject *key = PyLong_FromSsize_t(row);
  PyObject *made = key == NULL ? NULL : tensor_part(object, key);
  Py_XDECREF(key);
  return made;
}

PyObject *core_reshape(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  double shape[MAX_RANK];
  lrs_description about;
  if (check_count(core, "reshape", count, 2, 2) < 0) return NULL;
  lrs_tensor *x = tensor_handle(core, arguments[0], "reshape", "x"), *made = NULL;
  if (x == NULL || check(core, lrs_tensor_describe(&about, x)) < 0) return NULL;
  PyObject *lengths = arguments[1];
  if (PyTuple_Check(lengths) && PyTuple_Size(lengths) == 1 && PyTuple_Check(PyTuple_GetItem(lengths, 0)))
    lengths = PyTuple_GetItem(lengths, 0);
  Py_ssize_t rank = PyTuple_Check(lengths) ? PyTuple_Size(lengths) : MAX_RANK + 1, unknown = -1;
  if (rank > MAX_RANK) Py_RETURN_NOTIMPLEMENTED;
  int64_t known = 1;
  for (Py_ssize_t axis = 0; axis < rank; axis++) {
    PyObject *item = PyTuple_GetItem(lengths, axis);
    long long length = PyLong_CheckExact(item) ? PyLong_AsLongLong(item) : -2;
    if (length == -1 && PyErr_Occurred()) PyErr_Clear();
    bool first = length == -1 && unknown < 0;
    if (length < (first ? -1 : 0) || length > INT32_MAX) Py_RETURN_NOTIMPLEMENTED;
    if (first) unknown = axis;
    if (!first && __builtin_mul_overflow(known, length, &known)) Py_RETURN_NOTIMPLEMENTED;
    shape[axis] = (double)length;
  }
  if (unknown >= 0) {
    if (known == 0 || about.size % known != 0) Py_RETURN_NOTIMPLEMENTED;
    shape[unknown] = (double)(about.size / known);
  } else if (known != about.size) {
    Py_RETURN_NOTIMPLEMENTED;
  }
  lrs_attribute named = {.key = "shape", .values = shape, .count = (size_t)rank};
  if (check(core, lrs_apply_number(&made, core->reshape, &x, 1, &named, 1)) < 0) return NULL;
  return tensor_wrap(core, made);
}

/* ---- properties and methods ---- */

enum { SHAPE, NDIM, SIZE, REQUIRES_GRAD, IS_LEAF };

static PyObject *tensor_dtype_name(PyObject *object, void *Py_UNUSED(closure)) {
  return PyUnicode_FromString(dtypes[((Tensor *)object)->dtype].name);
}

static PyObject *tensor_is_floating(PyObject *object, void *Py_UNUSED(closure)) {
  return PyBool_FromLong(IS_FLOATING((Tensor *)object));
}

static PyObject *tensor_get(PyObject *object, void *which) {
  Tensor *self = (Tensor *)object;
  lrs_description about;
  if (check(self->core, lrs_tensor_describe(&about, self->handle)) < 0) return NULL;
  switch ((intptr_t)which) {
  case NDIM: return PyLong_FromLong(about.rank);
  case SIZE: return PyLong_FromLongLong(about.size);
  case REQUIRES_GRAD: return PyBool_FromLong(about.requires_grad);
  case IS_LEAF: return PyBool_FromLong(about.is_leaf);
  }
  PyObject *shape = PyTuple_New(about.rank);
  for (int32_t axis = 0; shape != NULL && axis < about.rank; axis++) {
    PyObject *length = PyLong_FromLongLong(about.shape[axis]);
    if (length == NULL || PyTuple_SetItem(shape, axis, length) < 0) Py_CLEAR(shape);
  }
  return shape;
}

static int tensor_set_requires_grad(PyObject *object, PyObject *value, void *Py_UNUSED(closure)) {
  Tensor *self = (Tensor *)object;
  bool flag;
  if (value == NULL) {
    PyErr_SetString(PyExc_AttributeError, "Tensor: requires_grad cannot be deleted");
    return -1;
  }
  if (flag_of(self->core, &flag, value, "Tensor", "requires_grad") < 0) return -1;
  lrs_status status;
  do {
    status = lrs_tensor_set_requires_grad(self->handle, flag);
  } while (again(status));
  return check(self->core, status);
}

static PyObject *tensor_get_grad(PyObject *object, void *Py_UNUSED(closure)) {
  Tensor *self = (Tensor *)object;
  lrs_tensor *gradient = NULL;
  lrs_status status;
  do {
    status = lrs_tensor_get_grad(&gradient, self->handle);
  } while (again(status));
  if (check(self->core, status) < 0) return NULL;
  return tensor_wrap(self->core, gradient);
}

static int tensor_set_grad(PyObject *object, PyObject *value, void *Py_UNUSED(closure)) {
  Tensor *self = (Tensor *)object;
  lrs_tensor *gradient = NULL;
  if (value != NULL && value != Py_None) {
    gradient = tensor_handle(self->core, value, "Tensor", "grad");
    if (gradient == NULL) return -1;
  }
  lrs_status status;
  do {
    status = lrs_tensor_set_grad(self->handle, gradient);
  } while (again(status));
  return check(self->core, status);
}

static PyObject *tensor_detach(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Tensor *self = (Tensor *)object;
  lrs_tensor *handle = NULL;
  if (check(self->core, lrs_tensor_detach(&handle, self->handle)) < 0) return NULL;
  return tensor_wrap(self->core, handle);
}

static PyObject *tensor_assign(PyObject *object, PyObject *source) {
  Tensor *self = (Tensor *)object;
  lrs_tensor *handle = tensor_handle(self->core, source, "assign", "source");
  if (handle == NULL) return NULL;
  lrs_status status;
  do {
    status = lrs_tensor_assign(self->handle, handle);
  } while (again(status));
  if (check(self->core, status) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyGetSetDef tensor_properties[] = {
    {"shape", tensor_get, NULL, NULL, (void *)SHAPE},
    {"dtype_name", tensor_dtype_name, NULL, NULL, NULL},
    {"is_floating", tensor_is_floating, NULL, "Whether the dtype is float32 or float64.", NULL},
    {"ndim", tensor_get, NULL, NULL, (void *)NDIM},
    {"size", tensor_get, NULL, NULL, (void *)SIZE},
    {"requires_grad", tensor_get, tensor_set_requires_grad, NULL, (void *)REQUIRES_GRAD},
    {"is_leaf", tensor_get, NULL, NULL, (void *)IS_LEAF},
    {"_grad", tensor_get_grad, tensor_set_grad, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef tensor_methods[] = {
    {"detach", tensor_detach, METH_NOARGS, "detach($self, /)\n--\n\nThe same data without history."},
    {"assign", tensor_assign, METH_O, "assign($self, source, /)\n--\n\nCopies another tensor's elements."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot tensor_slots[] = {
    {Py_tp_doc, "The native tensor; made by tensor() and by operations."},
    {Py_tp_new, tensor_new},
    {Py_tp_dealloc, tensor_dealloc},
    {Py_tp_getset, tensor_properties},
    {Py_tp_methods, tensor_methods},
    {Py_mp_subscript, tensor_part},
    {Py_sq_item, tensor_row},
    {Py_nb_add, tensor_add},
    {Py_nb_subtract, tensor_subtract},
    {Py_nb_multiply, tensor_multiply},
    {Py_nb_true_divide, tensor_divide},
    {Py_nb_matrix_multiply, tensor_matmul},
    {Py_bf_getbuffer, tensor_get_buffer},
    {Py_bf_releasebuffer, tensor_release_buffer},
    {0, NULL},
};

PyType_Spec tensor_spec = {
    .name = "lrswift._core.Tensor",
    .basicsize = sizeof(Tensor),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = tensor_slots,
};
