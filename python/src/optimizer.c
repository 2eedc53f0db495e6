/* Optimizer: a direction and a rate over groups of parameters. */
#include "shim.h"

static PyObject *optimizer_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  Core *core = core_of(type);
  if (core == NULL) return NULL;
  PyObject *direction, *direction_dict, *rate, *rate_dict;
  static char *names[] = {"", "", "", "", NULL};
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OOOO:Optimizer", names, &direction, &direction_dict,
                                   &rate, &rate_dict)) {
    return NULL;
  }
  const char *direction_name = text_of(core, direction, "Optimizer", "direction");
  if (direction_name == NULL) return NULL;
  const char *rate_name = text_of(core, rate, "Optimizer", "rate");
  if (rate_name == NULL) return NULL;

  Attributes of_direction, of_rate;
  lrs_optimizer *handle = NULL;
  if (attributes_take(core, &of_direction, direction_dict, direction_name, "direction_attributes") < 0)
    return NULL;
  if (attributes_take(core, &of_rate, rate_dict, rate_name, "rate_attributes") < 0) {
    attributes_release(&of_direction);
    return NULL;
  }
  int status = check(core, lrs_optimizer_create(&handle, direction_name, of_direction.items,
                                                of_direction.count, rate_name, of_rate.items, of_rate.count));
  attributes_release(&of_rate);
  attributes_release(&of_direction);
  if (status < 0) return NULL;
  Optimizer *made = object_make(type);
  if (made == NULL) {
    lrs_optimizer_destroy(handle);
    return NULL;
  }
  made->handle = handle;
  made->core = core;
  return (PyObject *)made;
}

static void optimizer_dealloc(PyObject *object) {
  lrs_optimizer_destroy(((Optimizer *)object)->handle);
  object_free(object);
}

bool optimizer_ready(Optimizer *self) {
  if (IS_BUSY(self)) {
    busy_error(self->core, "Optimizer");
    return false;
  }
  /* a thread that a fork has left behind was in a step: as if it had failed */
  if (self->busy != 0) lrs_optimizer_abort(self->handle);
  self->busy = 0;
  return true;
}

static int names_take(Core *core, const char ***out, PyObject **kept, PyObject *value, size_t count) {
  if (!PyTuple_Check(value) && !PyList_Check(value)) {
    wrong_type(core, "add_group", "names", "a tuple of str", value);
    return -1;
  }
  *kept = PySequence_Tuple(value);
  if (*kept == NULL) return -1;
  *out = PyMem_Calloc(count + 1, sizeof **out);
  if (*out == NULL) {
    PyErr_NoMemory();
  } else if ((size_t)PyTuple_Size(*kept) != count) {
    PyErr_Format(core->errors[LRS_VALUE_ERROR],
                 "add_group: names must be as many as parameters, %zu, got %zd", count, PyTuple_Size(*kept));
  } else {
    size_t i = 0;
    while (i < count &&
           ((*out)[i] = text_of(core, PyTuple_GetItem(*kept, (Py_ssize_t)i), "add_group", "names")))
      i++;
    if (i == count) return 0;
  }
  PyMem_Free(*out);
  Py_CLEAR(*kept);
  return -1;
}

static PyObject *optimizer_add_group(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  Optimizer *self = (Optimizer *)object;
  Core *core = self->core;
  Tensors parameters;
  Attributes attributes;
  const char **names;
  PyObject *kept;
  int status = -1;
  if (check_count(core, "add_group", count, 3, 3) < 0) return NULL;
  if (tensors_take(core, &parameters, arguments[0], "add_group", "parameters") < 0) return NULL;
  if (names_take(core, &names, &kept, arguments[1], parameters.count) < 0) {
    tensors_release(&parameters);
    return NULL;
  }
  if (attributes_take(core, &attributes, arguments[2], "add_group", "attributes") == 0) {
    if (optimizer_ready(self)) {
      status = check(core, lrs_optimizer_add_group(self->handle, parameters.items, names, parameters.count,
                                                   attributes.items, attributes.count));
    }
    attributes_release(&attributes);
  }
  if (status == 0) self->parameter_count += parameters.count;
  PyMem_Free(names);
  Py_DECREF(kept);
  tensors_release(&parameters);
  if (status < 0) return NULL;
  Py_RETURN_NONE;
}

/* ---- steps ---- */

static PyObject *request_tuple(const lrs_request *request) {
  return Py_BuildValue("(iOddd)", (int)request->kind, request->skipped ? Py_True : Py_False, request->rate,
                       request->low, request->high);
}

static PyObject *optimizer_begin(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  Optimizer *self = (Optimizer *)object;
  lrs_request request;
  double loss;
  bool may_probe;
  if (check_count(self->core, "begin", count, 2, 2) < 0) return NULL;
  if (number_of(self->core, &loss, arguments[0], "begin", "loss") < 0) return NULL;
  if (flag_of(self->core, &may_probe, arguments[1], "begin", "may_probe") < 0) return NULL;
  if (!optimizer_ready(self)) return NULL;
  lrs_status status;
  do {
    status = lrs_optimizer_begin(&request, self->handle, loss, may_probe);
  } while (again(status));
  if (check(self->core, status) < 0) return NULL;
  return request_tuple(&request);
}

static PyObject *optimizer_answer(PyObject *object, PyObject *value) {
  Optimizer *self = (Optimizer *)object;
  lrs_request request;
  double loss;
  if (number_of(self->core, &loss, value, "answer", "loss") < 0) return NULL;
  if (!optimizer_ready(self)) return NULL;
  lrs_status status;
  do {
    status = lrs_optimizer_answer(&request, self->handle, loss);
  } while (again(status));
  if (check(self->core, status) < 0) return NULL;
  return request_tuple(&request);
}

static PyObject *optimizer_answer_curvature(PyObject *object, PyObject *value) {
  Optimizer *self = (Optimizer *)object;
  lrs_request request;
  lrs_tensor *loss = tensor_handle(self->core, value, "answer_curvature", "loss");
  if (!loss) return NULL;
  if (!optimizer_ready(self)) return NULL;
  /* a sweep of its own, which may wait for those of other threads */
  lrs_status status;
  do {
    self->busy = lrs_process_number();
    Py_BEGIN_ALLOW_THREADS;
    status = lrs_optimizer_answer_curvature(&request, self->handle, loss);
    Py_END_ALLOW_THREADS;
    self->busy = 0;
  } while (again(status));
  if (check(self->core, status) < 0) return NULL;
  return request_tuple(&request);
}

static PyObject *optimizer_abort(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Optimizer *self = (Optimizer *)object;
  if (!optimizer_ready(self)) return NULL;
  lrs_optimizer_abort(self->handle);
  Py_RETURN_NONE;
}

static PyObject *optimizer_zero_grad(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Optimizer *self = (Optimizer *)object;
  if (!optimizer_ready(self)) return NULL;
  lrs_status status;
  do {
    status = lrs_optimizer_zero_grad(self->handle);
  } while (again(status));
  if (check(self->core, status) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *optimizer_hold(PyObject *object, PyObject *value) {
  Optimizer *self = (Optimizer *)object;
  bool begins;
  if (flag_of(self->core, &begins, value, "hold", "begins") < 0) return NULL;
  /* an end is never refused: whoever began would hold for ever, be another thread in a step or not */
  if (begins && !optimizer_ready(self)) return NULL;
  lrs_status status;
  do {
    status = lrs_optimizer_hold(self->handle, begins);
  } while (again(status));
  if (check(self->core, status) < 0) return NULL;
  Py_RETURN_NONE;
}

/* ---- reading and writing ---- */

static PyObject *optimizer_rates(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Optimizer *self = (Optimizer *)object;
  if (!optimizer_ready(self)) return NULL;
  double *rates = PyMem_Calloc(self->parameter_count + 1, sizeof *rates);
  if (rates == NULL) return PyErr_NoMemory();
  PyObject *made = NULL;
  if (check(self->core, lrs_optimizer_rates(rates, self->parameter_count, self->handle)) == 0) {
    made = PyTuple_New((Py_ssize_t)self->parameter_count);
  }
  for (size_t i = 0; made != NULL && i < self->parameter_count; i++) {
    PyObject *rate = PyFloat_FromDouble(rates[i]);
    if (rate == NULL || PyTuple_SetItem(made, (Py_ssize_t)i, rate) < 0) Py_CLEAR(made);
  }
  PyMem_Free(rates);
  return made;
}

static PyObject *optimizer_get(PyObject *object, PyObject *value) {
  Optimizer *self = (Optimizer *)object;
  double found;
  const char *key = text_of(self->core, value, "get", "key");
  if (key == NULL) return NULL;
  if (!optimizer_ready(self)) return NULL;
  if (check(self->core, lrs_optimizer_get(&found, self->handle, key)) < 0) return NULL;
  return PyFloat_FromDouble(found);
}

static PyObject *optimizer_set(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  Optimizer *self = (Optimizer *)object;
  double value;
  if (check_count(self->core, "set", count, 2, 2) < 0) return NULL;
  const char *key = text_of(self->core, arguments[0], "set", "key");
  if (key == NULL || number_of(self->core, &value, arguments[1], "set", "value") < 0) return NULL;
  if (!optimizer_ready(self)) return NULL;
  lrs_status status;
  do {
    status = lrs_optimizer_set(self->handle, key, value);
  } while (again(status));
  if (check(self->core, status) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *optimizer_record(PyObject *object, PyObject *value) {
  Optimizer *self = (Optimizer *)object;
  double capacity;
  if (number_of(self->core, &capacity, value, "record", "capacity") < 0) return NULL;
  if (!optimizer_ready(self)) return NULL;
  int32_t rows = capacity >= 0 && capacity <= INT32_MAX ? (int32_t)capacity : -1;
  if (check(self->core, lrs_optimizer_record(self->handle, rows)) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *optimizer_guard(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  Optimizer *self = (Optimizer *)object;
  Core *core = self->core;
  long long mode;
  double explode;
  Tensors buffers;
  if (check_count(core, "guard", count, 3, 3) < 0) return NULL;
  if (integer_of(core, &mode, arguments[0], "guard", "mode") < 0) return NULL;
  if (number_of(core, &explode, arguments[1], "guard", "explode") < 0) return NULL;
  if (tensors_take(core, &buffers, arguments[2], "guard", "buffers") < 0) return NULL;
  int status = -1;
  if (optimizer_ready(self)) {
    int32_t checked = mode >= LRS_GUARD_OFF && mode <= LRS_GUARD_ROLL_BACK ? (int32_t)mode : -1;
    status = check(core, lrs_optimizer_guard(self->handle, checked, explode, buffers.items, buffers.count));
  }
  tensors_release(&buffers);
  if (status < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *optimizer_history(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Optimizer *self = (Optimizer *)object;
  lrs_tensor *rows = NULL;
  const char *fields = NULL;
  if (!optimizer_ready(self)) return NULL;
  if (check(self->core, lrs_optimizer_history(&rows, &fields, self->handle)) < 0) return NULL;
  PyObject *names = PyUnicode_FromString(fields);
  PyObject *tensor = tensor_wrap(self->core, rows);
  PyObject *made = names != NULL && tensor != NULL ? PyTuple_Pack(2, names, tensor) : NULL;
  Py_XDECREF(names);
  Py_XDECREF(tensor);
  return made;
}

static PyObject *optimizer_state(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Optimizer *self = (Optimizer *)object;
  PyObject *state = PyDict_New();
  for (size_t i = 0; state != NULL; i++) {
    lrs_tensor *handle = NULL;
    const char *name = NULL;
    /* making an object may run Python code, so this is asked every time */
    if (optimizer_ready(self) &&
        check(self->core, lrs_optimizer_state(&handle, &name, self->handle, i)) == 0) {
      if (name == NULL) return state;
      PyObject *key = PyUnicode_FromString(name);
      PyObject *value = tensor_wrap(self->core, handle);
      int status = key == NULL || value == NULL ? -1 : PyDict_SetItem(state, key, value);
      Py_XDECREF(key);
      Py_XDECREF(value);
      if (status == 0) continue;
    }
    Py_CLEAR(state);
  }
  return NULL;
}

static int entries(Core *core, const char **names, lrs_tensor **values, PyObject *dict) {
  PyObject *key, *value;
  size_t i = 0;
  for (Py_ssize_t at = 0; PyDict_Next(dict, &at, &key, &value); i++) {
    names[i] = text_of(core, key, "load", "the keys of state");
    if (names[i] == NULL) return -1;
    values[i] = tensor_handle(core, value, "load", names[i]);
    if (values[i] == NULL) return -1;
  }
  return 0;
}

static PyObject *optimizer_load(PyObject *object, PyObject *given) {
  Optimizer *self = (Optimizer *)object;
  if (!PyDict_Check(given)) return wrong_type(self->core, "load", "state", "a dict", given);
  PyObject *state = PyDict_Copy(given);
  if (state == NULL) return NULL;
  size_t count = (size_t)PyDict_Size(state);
  const char **names = PyMem_Calloc(count + 1, sizeof *names);
  lrs_tensor **values = PyMem_Calloc(count + 1, sizeof *values);
  int result = -1;
  if (names == NULL || values == NULL) {
    PyErr_NoMemory();
  } else if (optimizer_ready(self) && entries(self->core, names, values, state) == 0) {
    lrs_status status;
    do {
      status = lrs_optimizer_load(self->handle, names, values, count);
    } while (again(status));
    result = check(self->core, status);
  }
  PyMem_Free(values);
  PyMem_Free(names);
  Py_DECREF(state);
  if (result < 0) return NULL;
  Py_RETURN_NONE;
}

static PyMethodDef optimizer_methods[] = {
    {"add_group", FAST(optimizer_add_group), METH_FASTCALL,
     "add_group($self, parameters, names, attributes, /)\n--\n\nParameters, with what differs for them."},
    {"begin", FAST(optimizer_begin), METH_FASTCALL,
     "begin($self, loss, may_probe, /)\n--\n\nStarts a step; (kind, skipped, rate, low, high), kind of the enumeration \"request\"."},
    {"answer_curvature", optimizer_answer_curvature, METH_O,
     "answer_curvature($self, loss, /)\n--\n\nThe loss tensor whose curvature was asked for."},
    {"record", optimizer_record, METH_O,
     "record($self, capacity, /)\n--\n\nKeeps the last decisions with their inputs; 0 stops."},
    {"guard", FAST(optimizer_guard), METH_FASTCALL,
     "guard($self, mode, explode, buffers, /)\n--\n\nDetects bad steps, or undoes them: the enumeration \"guard\"."},
    {"history", optimizer_history, METH_NOARGS,
     "history($self, /)\n--\n\n(names of the fields, separated by commas; Tensor [rows, fields])."},
    {"answer", optimizer_answer, METH_O, "answer($self, loss, /)\n--\n\nThe loss that was asked for."},
    {"abort", optimizer_abort, METH_NOARGS, "abort($self, /)\n--\n\nUndoes a step that has begun."},
    {"hold", optimizer_hold, METH_O,
     "hold($self, begins, /)\n--\n\nKeeps other threads off the parameters, until as many ends."},
    {"zero_grad", optimizer_zero_grad, METH_NOARGS, "zero_grad($self, /)\n--\n\nForgets all gradients."},
    {"rates", optimizer_rates, METH_NOARGS, "rates($self, /)\n--\n\nThe last rate of every parameter."},
    {"get", optimizer_get, METH_O, "get($self, key, /)\n--\n\nA counter or setting."},
    {"set", FAST(optimizer_set), METH_FASTCALL, "set($self, key, value, /)\n--\n\nChanges a setting."},
    {"state", optimizer_state, METH_NOARGS, "state($self, /)\n--\n\nAll state, by name."},
    {"load", optimizer_load, METH_O, "load($self, state, /)\n--\n\nPuts back what state() returned."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot optimizer_slots[] = {
    {Py_tp_doc,
     "Optimizer(direction, direction_attributes, rate, rate_attributes, /)\n--\n\nA direction and a rate."},
    {Py_tp_new, optimizer_new},
    {Py_tp_dealloc, optimizer_dealloc},
    {Py_tp_methods, optimizer_methods},
    {0, NULL},
};

PyType_Spec optimizer_spec = {
    .name = "lrswift._core.Optimizer",
    .basicsize = sizeof(Optimizer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = optimizer_slots,
};
