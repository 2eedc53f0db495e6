/* Status codes become exceptions; messages for arguments of a wrong type. */
#include "shim.h"

typedef struct {
  lrs_status status;
  const char *name;
  const char *doc;
  PyObject **builtin; /* the built-in exception it refines */
} Kind;

/* What a run that diverged tells beside its message, declared on the class so that it is always there. */
static const char *const diverged_facts[] = {"step", "history", "schedule"};

static PyObject *diverged_attributes(void) {
  PyObject *dict = PyDict_New();
  for (size_t i = 0; dict != NULL && i < sizeof diverged_facts / sizeof *diverged_facts; i++) {
    if (PyDict_SetItemString(dict, diverged_facts[i], Py_None) < 0) Py_CLEAR(dict);
  }
  return dict;
}

static int add_error(Core *core, PyObject *module, const Kind *kind) {
  char full[64] = "lrswift.";
  PyOS_snprintf(full, sizeof full, "lrswift.%s", kind->name);
  PyObject *bases = PyTuple_Pack(2, core->error, *kind->builtin);
  if (bases == NULL) return -1;
  PyObject *dict = kind->status == LRS_DIVERGED ? diverged_attributes() : PyDict_New();
  if (dict != NULL) core->errors[kind->status] = PyErr_NewExceptionWithDoc(full, kind->doc, bases, dict);
  Py_XDECREF(dict);
  Py_DECREF(bases);
  if (core->errors[kind->status] == NULL) return -1;
  return PyModule_AddObjectRef(module, kind->name, core->errors[kind->status]);
}

int errors_create(Core *core, PyObject *module) {
  const Kind kinds[] = {
      {LRS_VALUE_ERROR, "ArgumentError", "An argument has a value that is not allowed.", &PyExc_ValueError},
      {LRS_SHAPE_ERROR, "ShapeError", "Shapes do not fit each other or the operation.", &PyExc_ValueError},
      {LRS_TYPE_ERROR, "DTypeError", "A dtype or type that is not allowed.", &PyExc_TypeError},
      {LRS_RECORDING_ERROR, "RecordingError", "Not possible while a program is recorded.",
       &PyExc_RuntimeError},
      {LRS_DIVERGED, "Diverged",
       "Too many steps in a row were not finite.\n\n"
       "step: the one that could not be taken, from 0. history: of fit. schedule: of learn_schedule.\n"
       "They hold what was done until then, and None where there is nothing.",
       &PyExc_FloatingPointError},
  };
  core->error = PyErr_NewExceptionWithDoc("lrswift.Error", "The base of all errors of lrswift.", NULL, NULL);
  if (core->error == NULL || PyModule_AddObjectRef(module, "Error", core->error) < 0) return -1;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (add_error(core, module, &kinds[i]) < 0) return -1;
  }
  core->errors[LRS_MEMORY_ERROR] = Py_NewRef(PyExc_MemoryError);
  core->errors[LRS_INTERNAL_ERROR] = Py_NewRef(core->error);
  core->errors[LRS_BUSY] = Py_NewRef(core->error);
  return 0;
}

static void raise_diverged(Core *core, const char *message, int64_t at) {
  PyObject *type = core->errors[LRS_DIVERGED];
  PyObject *error = PyObject_CallFunction(type, "s", message);
  PyObject *step = at < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(at);
  if (error != NULL && step != NULL && PyObject_SetAttrString(error, "step", step) == 0)
    PyErr_SetObject(type, error);
  Py_XDECREF(error);
  Py_XDECREF(step);
}

int check(Core *core, lrs_status status) {
  if (status == LRS_OK) return 0;
  /* a signal came while it waited */
  if (status == LRS_BUSY && PyErr_Occurred()) return -1;
  const char *message = lrs_last_error();
  if (message == NULL) message = "unknown error";
  bool known = status > 0 && status < ERROR_KINDS;
  if (status == LRS_DIVERGED) {
    raise_diverged(core, message, lrs_last_step());
  } else {
    PyErr_SetString(known ? core->errors[status] : core->error, message);
  }
  return -1;
}

PyObject *wrong_type(Core *core, const char *function, const char *argument, const char *expected,
                     PyObject *value) {
  PyErr_Clear();
  PyObject *name = PyType_GetName(Py_TYPE(value));
  if (name == NULL) return NULL;
  PyErr_Format(core->errors[LRS_TYPE_ERROR], "%s: %s must be %s, not %U", function, argument, expected, name);
  Py_DECREF(name);
  return NULL;
}

PyObject *busy_error(Core *core, const char *what) {
  PyErr_Format(core->error, "this %s is already running in another thread", what);
  return NULL;
}

bool again(lrs_status status) {
  if (status != LRS_BUSY) return false;
  bool ended;
  Py_BEGIN_ALLOW_THREADS;
  ended = lrs_wait_for_sweeps(0.05);
  Py_END_ALLOW_THREADS;
  return ended && PyErr_CheckSignals() == 0;
}

int check_count(Core *core, const char *function, Py_ssize_t given, Py_ssize_t least, Py_ssize_t most) {
  if (given >= least && given <= most) return 0;
  PyErr_Format(core->errors[LRS_TYPE_ERROR], "%s: takes %zd to %zd arguments, got %zd", function, least, most,
               given);
  return -1;
}
