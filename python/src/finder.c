/* Search: the state machine that looks for a rate. Finder: drives it with the gradients of batches. */
#include "shim.h"

static PyObject *search_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  Core *core = core_of(type);
  Attributes attributes;
  lrs_search *handle = NULL;
  if (core == NULL) return NULL;
  if (PyTuple_Size(arguments) != 0) {
    PyErr_SetString(core->errors[LRS_TYPE_ERROR], "Search: takes keyword arguments only");
    return NULL;
  }
  if (attributes_take(core, &attributes, keywords, "Search", "attributes") < 0) return NULL;
  int status = check(core, lrs_search_create(&handle, attributes.items, attributes.count));
  attributes_release(&attributes);
  if (status < 0) return NULL;
  Search *made = object_make(type);
  if (made == NULL) {
    lrs_search_destroy(handle);
    return NULL;
  }
  made->handle = handle;
  made->core = core;
  return (PyObject *)made;
}

static void search_dealloc(PyObject *object) {
  lrs_search_destroy(((Search *)object)->handle);
  object_free(object);
}

static PyObject *search_signal(PyObject *object, PyObject *value) {
  Search *self = (Search *)object;
  long long direction;
  if (integer_of(self->core, &direction, value, "signal", "direction") < 0) return NULL;
  if (direction != 1 && direction != -1) {
    PyErr_Format(self->core->errors[LRS_VALUE_ERROR], "signal: direction must be 1 or -1, got %lld",
                 direction);
    return NULL;
  }
  if (IS_BUSY(self)) return busy_error(self->core, "Search");
  if (check(self->core, lrs_search_signal(self->handle, (int32_t)direction)) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *search_get(PyObject *object, PyObject *value) {
  Search *self = (Search *)object;
  double found;
  const char *key = text_of(self->core, value, "get", "key");
  if (key == NULL) return NULL;
  if (IS_BUSY(self)) return busy_error(self->core, "Search");
  if (check(self->core, lrs_search_get(&found, self->handle, key)) < 0) return NULL;
  return PyFloat_FromDouble(found);
}

static PyObject *search_go_on(PyObject *object, PyObject *arguments) {
  Search *self = (Search *)object;
  double value;
  int done;
  if (!PyArg_ParseTuple(arguments, "dp:go_on", &value, &done)) return NULL;
  if (IS_BUSY(self)) return busy_error(self->core, "Search");
  if (check(self->core, lrs_search_go_on(self->handle, value, done)) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyMethodDef search_methods[] = {
    {"signal", search_signal, METH_O,
     "signal($self, direction, /)\n--\n\n1: the rate is too low; -1: too high."},
    {"get", search_get, METH_O, "get($self, key, /)\n--\n\nvalue, done, signals, phase, lower or upper."},
    {"go_on", search_go_on, METH_VARARGS,
     "go_on($self, value, done, /)\n--\n\nWhat another search has made of the signal asked about."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot search_slots[] = {
    {Py_tp_doc, "Search(**attributes)\n--\n\nFinds a rate from signals that it is too low or too high."},
    {Py_tp_new, search_new},
    {Py_tp_dealloc, search_dealloc},
    {Py_tp_methods, search_methods},
    {0, NULL},
};

PyType_Spec search_spec = {
    .name = "lrswift._core.Search",
    .basicsize = sizeof(Search),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = search_slots,
};

/* ---- Finder ---- */

typedef struct {
  PyObject_HEAD
  lrs_finder *handle; /* NULL once closed */
  Core *core;
  Optimizer *optimizer;
  Search *search;
} Finder;

static PyObject *finder_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  Core *core = core_of(type);
  PyObject *optimizer, *search, *dict = Py_None;
  Attributes attributes;
  static char *names[] = {"", "", "", NULL};
  if (core == NULL) return NULL;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO|O:Finder", names, &optimizer, &search, &dict))
    return NULL;
  if (!PyObject_TypeCheck(optimizer, core->optimizer_type)) {
    return wrong_type(core, "Finder", "optimizer", "an Optimizer", optimizer);
  }
  if (!PyObject_TypeCheck(search, core->search_type))
    return wrong_type(core, "Finder", "search", "a Search", search);
  if (attributes_take(core, &attributes, dict, "Finder", "attributes") < 0) return NULL;
  Finder *made = object_make(type);
  int status = -1;
  if (made != NULL) {
    made->core = core;
    made->optimizer = (Optimizer *)Py_NewRef(optimizer);
    made->search = (Search *)Py_NewRef(search);
    if (IS_BUSY(made->optimizer) || IS_BUSY(made->search)) {
      busy_error(core, IS_BUSY(made->optimizer) ? "Optimizer" : "Search");
    } else {
      status = check(core, lrs_finder_create(&made->handle, made->optimizer->handle, made->search->handle,
                                             attributes.items, attributes.count));
    }
  }
  attributes_release(&attributes);
  if (status < 0) Py_CLEAR(made);
  return (PyObject *)made;
}

static int finder_traverse(PyObject *object, visitproc visit, void *arg) {
  Finder *self = (Finder *)object;
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->optimizer);
  Py_VISIT(self->search);
  return 0;
}

/* The handle goes first: destroying it puts the optimizer's parameters back. */
static int finder_clear(PyObject *object) {
  Finder *self = (Finder *)object;
  lrs_finder *handle = self->handle;
  self->handle = NULL;
  lrs_finder_destroy(handle);
  Py_CLEAR(self->optimizer);
  Py_CLEAR(self->search);
  return 0;
}

static void finder_dealloc(PyObject *object) {
  PyObject_GC_UnTrack(object);
  finder_clear(object);
  object_free(object);
}

/* Open, and neither it nor what it drives runs elsewhere. */
static int finder_ready(Finder *self) {
  if (self->handle == NULL) {
    PyErr_SetString(self->core->error, "Finder: closed");
    return -1;
  }
  if (!IS_BUSY(self->optimizer) && !IS_BUSY(self->search)) return 0;
  busy_error(self->core, IS_BUSY(self->optimizer) ? "Optimizer" : "Search");
  return -1;
}

static PyObject *finder_displace(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Finder *self = (Finder *)object;
  if (finder_ready(self) < 0 || check(self->core, lrs_finder_displace(self->handle)) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *finder_observe(PyObject *object, PyObject *value) {
  Finder *self = (Finder *)object;
  double loss, gradient;
  if (number_of(self->core, &loss, value, "observe", "loss") < 0 || finder_ready(self) < 0) return NULL;
  if (check(self->core, lrs_finder_observe(&gradient, self->handle, loss)) < 0) return NULL;
  return PyFloat_FromDouble(gradient);
}

/* The optimizer's and the search's flags stand for the finder's own: it never runs without them. */
static lrs_status run(Finder *self, Program *program, Batches *batches, size_t *done, PyObject *gradients,
                      PyObject *values) {
  double *gradient = (double *)PyBytes_AsString(gradients), *value = (double *)PyBytes_AsString(values);
  lrs_status status;
  self->optimizer->busy = self->search->busy = program->busy = lrs_process_number();
  Py_BEGIN_ALLOW_THREADS;
  status = lrs_finder_run(done, gradient, value, self->handle, program->handle, batches->data.items,
                          batches->data.count, batches->indices.buf, batches->steps, batches->batch,
                          batches->seconds);
  Py_END_ALLOW_THREADS;
  self->optimizer->busy = self->search->busy = program->busy = 0;
  return status;
}

static PyObject *finder_run(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  Finder *self = (Finder *)object;
  Core *core = self->core;
  Batches batches;
  size_t done = 0;
  if (check_count(core, "Finder.run", count, 4, 4) < 0) return NULL;
  if (!PyObject_TypeCheck(arguments[0], core->program_type)) {
    return wrong_type(core, "Finder.run", "program", "a Program", arguments[0]);
  }
  Program *program = (Program *)arguments[0];
  if (batches_take(core, &batches, arguments, "Finder.run") < 0) return NULL;
  PyObject *gradients = rows_make(batches.steps, 1);
  PyObject *values = rows_make(batches.steps, 1);
  PyObject *result = NULL;
  if (gradients == NULL || values == NULL || finder_ready(self) < 0) {
    /* the exception is set */
  } else if (IS_BUSY(program)) {
    busy_error(core, "Program");
  } else if (check(core, run(self, program, &batches, &done, gradients, values)) == 0) {
    gradients = rows_keep(gradients, done, 1);
    values = rows_keep(values, done, 1);
    if (gradients != NULL && values != NULL)
      result = Py_BuildValue("(nOO)", (Py_ssize_t)done, gradients, values);
  }
  Py_XDECREF(gradients);
  Py_XDECREF(values);
  batches_release(&batches);
  return result;
}

static PyObject *finder_close(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Finder *self = (Finder *)object;
  if (self->handle == NULL) Py_RETURN_NONE;
  if (finder_ready(self) < 0) return NULL;
  finder_clear(object);
  Py_RETURN_NONE;
}

static PyMethodDef finder_methods[] = {
    {"displace", finder_displace, METH_NOARGS,
     "displace($self, /)\n--\n\nMoves the parameters to the trial point."},
    {"observe", finder_observe, METH_O,
     "observe($self, loss, /)\n--\n\nThe rate's gradient at the trial point."},
    {"run", FAST(finder_run), METH_FASTCALL,
     "run($self, program, data, indices, seconds, /)\n--\n\nMany batches; (steps done, gradients, values)."},
    {"close", finder_close, METH_NOARGS,
     "close($self, /)\n--\n\nPuts the parameters back and ends the search."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot finder_slots[] = {
    {Py_tp_doc,
     "Finder(optimizer, search, attributes=None, /)\n--\n\nFeeds a search with the gradients of batches."},
    {Py_tp_new, finder_new},
    {Py_tp_dealloc, finder_dealloc},
    {Py_tp_traverse, finder_traverse},
    {Py_tp_clear, finder_clear},
    {Py_tp_methods, finder_methods},
    {0, NULL},
};

PyType_Spec finder_spec = {
    .name = "lrswift._core.Finder",
    .basicsize = sizeof(Finder),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = finder_slots,
};
