/* Machine: a learning-rate method as numbers in, decisions out; the vectors are someone else's. */
#include "shim.h"

typedef struct {
  PyObject_HEAD
  lrs_machine *handle;
  Core *core;
} Machine;

static PyObject *machine_wrap(PyTypeObject *type, Core *core, lrs_machine *handle) {
  Machine *made = object_make(type);
  if (made == NULL) {
    lrs_machine_destroy(handle);
    return NULL;
  }
  made->handle = handle;
  made->core = core;
  return (PyObject *)made;
}

static PyObject *machine_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  Core *core = core_of(type);
  PyObject *rate, *dict;
  Attributes attributes;
  lrs_machine *handle = NULL;
  static char *names[] = {"", "", NULL};
  if (core == NULL) return NULL;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO:Machine", names, &rate, &dict)) return NULL;
  const char *name = text_of(core, rate, "Machine", "rate");
  if (name == NULL) return NULL;
  if (attributes_take(core, &attributes, dict, name, "attributes") < 0) return NULL;
  int status = check(core, lrs_machine_create(&handle, name, attributes.items, attributes.count));
  attributes_release(&attributes);
  return status < 0 ? NULL : machine_wrap(type, core, handle);
}

static void machine_dealloc(PyObject *object) {
  lrs_machine_destroy(((Machine *)object)->handle);
  object_free(object);
}

static PyObject *machine_clone(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Machine *self = (Machine *)object;
  lrs_machine *handle = NULL;
  if (check(self->core, lrs_machine_clone(&handle, self->handle)) < 0) return NULL;
  return machine_wrap(Py_TYPE(object), self->core, handle);
}

static PyObject *machine_check(PyObject *object, PyObject *value) {
  Machine *self = (Machine *)object;
  double loss;
  if (number_of(self->core, &loss, value, "check", "loss") < 0) return NULL;
  if (check(self->core, lrs_machine_check(self->handle, loss)) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *machine_begin(PyObject *object, PyObject *numbers) {
  Machine *self = (Machine *)object;
  Attributes attributes;
  lrs_decision decision;
  if (attributes_take(self->core, &attributes, numbers, "begin", "numbers") < 0) return NULL;
  int status =
      check(self->core, lrs_machine_begin(&decision, self->handle, attributes.items, attributes.count));
  attributes_release(&attributes);
  return status < 0 ? NULL : Py_BuildValue("(id)", (int)decision.kind, decision.value);
}

static PyObject *machine_answer(PyObject *object, PyObject *numbers) {
  Machine *self = (Machine *)object;
  Attributes attributes;
  lrs_decision decision;
  if (attributes_take(self->core, &attributes, numbers, "answer", "numbers") < 0) return NULL;
  int status =
      check(self->core, lrs_machine_answer(&decision, self->handle, attributes.items, attributes.count));
  attributes_release(&attributes);
  return status < 0 ? NULL : Py_BuildValue("(id)", (int)decision.kind, decision.value);
}

static PyObject *machine_prepare(PyObject *object, PyObject *numbers) {
  Machine *self = (Machine *)object;
  Attributes attributes;
  lrs_pass pass;
  bool goes;
  if (attributes_take(self->core, &attributes, numbers, "prepare", "numbers") < 0) return NULL;
  int status =
      check(self->core, lrs_machine_prepare(&pass, &goes, self->handle, attributes.items, attributes.count));
  attributes_release(&attributes);
  if (status < 0) return NULL;
  if (!goes) Py_RETURN_NONE;
  return Py_BuildValue("(dddd)", pass.rate, pass.scale, pass.weight, pass.memory);
}

static PyObject *machine_conclude(PyObject *object, PyObject *sums) {
  Machine *self = (Machine *)object;
  Attributes attributes;
  lrs_decision decision;
  lrs_pass pass;
  if (attributes_take(self->core, &attributes, sums, "conclude", "sums") < 0) return NULL;
  lrs_status status;
  status = lrs_machine_conclude(&decision, &pass, self->handle, attributes.items, attributes.count);
  attributes_release(&attributes);
  if (check(self->core, status) < 0) return NULL;
  return Py_BuildValue("((id)(dddd))", (int)decision.kind, decision.value, pass.rate, pass.scale, pass.weight,
                       pass.memory);
}

static PyObject *machine_abort(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  lrs_machine_abort(((Machine *)object)->handle);
  Py_RETURN_NONE;
}

static PyObject *machine_get(PyObject *object, PyObject *value) {
  Machine *self = (Machine *)object;
  double found;
  const char *key = text_of(self->core, value, "get", "key");
  if (key == NULL) return NULL;
  if (check(self->core, lrs_machine_get(&found, self->handle, key)) < 0) return NULL;
  return PyFloat_FromDouble(found);
}

static PyObject *machine_set(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  Machine *self = (Machine *)object;
  double number;
  if (check_count(self->core, "set", count, 2, 2) < 0) return NULL;
  const char *key = text_of(self->core, arguments[0], "set", "key");
  if (key == NULL || number_of(self->core, &number, arguments[1], "set", "value") < 0) return NULL;
  if (check(self->core, lrs_machine_set(self->handle, key, number)) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *machine_guard(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  Machine *self = (Machine *)object;
  Core *core = self->core;
  long long mode;
  double explode, every;
  if (check_count(core, "guard", count, 3, 3) < 0) return NULL;
  if (integer_of(core, &mode, arguments[0], "guard", "mode") < 0) return NULL;
  if (number_of(core, &explode, arguments[1], "guard", "explode") < 0) return NULL;
  if (number_of(core, &every, arguments[2], "guard", "every") < 0) return NULL;
  int32_t checked = mode >= LRS_GUARD_OFF && mode <= LRS_GUARD_ROLL_BACK ? (int32_t)mode : -1;
  if (check(core, lrs_machine_guard(self->handle, checked, explode, every)) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *machine_judge(PyObject *object, PyObject *numbers) {
  Machine *self = (Machine *)object;
  Attributes attributes;
  int32_t judgement;
  if (attributes_take(self->core, &attributes, numbers, "judge", "numbers") < 0) return NULL;
  int status =
      check(self->core, lrs_machine_judge(&judgement, self->handle, attributes.items, attributes.count));
  attributes_release(&attributes);
  return status < 0 ? NULL : PyLong_FromLong(judgement);
}

static PyObject *machine_factor(PyObject *object, PyObject *value) {
  Machine *self = (Machine *)object;
  double step, factor;
  if (number_of(self->core, &step, value, "factor", "step") < 0) return NULL;
  if (check(self->core, lrs_machine_factor(&factor, self->handle, step)) < 0) return NULL;
  return PyFloat_FromDouble(factor);
}

static PyObject *machine_state(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Machine *self = (Machine *)object;
  PyObject *state = PyDict_New();
  for (size_t i = 0; state != NULL; i++) {
    double number;
    const char *name = NULL;
    if (check(self->core, lrs_machine_state(&number, &name, self->handle, i)) == 0) {
      if (name == NULL) return state;
      PyObject *value = PyFloat_FromDouble(number);
      int status = value == NULL ? -1 : PyDict_SetItemString(state, name, value);
      Py_XDECREF(value);
      if (status == 0) continue;
    }
    Py_CLEAR(state);
  }
  return NULL;
}

static PyObject *machine_load(PyObject *object, PyObject *state) {
  Machine *self = (Machine *)object;
  Attributes attributes;
  if (attributes_take(self->core, &attributes, state, "load", "state") < 0) return NULL;
  int status = check(self->core, lrs_machine_load(self->handle, attributes.items, attributes.count));
  attributes_release(&attributes);
  if (status < 0) return NULL;
  Py_RETURN_NONE;
}

static PyMethodDef machine_methods[] = {
    {"clone", machine_clone, METH_NOARGS, "clone($self, /)\n--\n\nAnother machine in the same state."},
    {"check", machine_check, METH_O, "check($self, loss, /)\n--\n\nRaises if no step may have this loss."},
    {"begin", machine_begin, METH_O,
     "begin($self, numbers, /)\n--\n\n"
     "(kind, value); kind is of the enumeration \"decision\"."},
    {"answer", machine_answer, METH_O, "answer($self, numbers, /)\n--\n\nWhat was asked for; as begin."},
    {"prepare", machine_prepare, METH_O,
     "prepare($self, numbers, /)\n--\n\nThe numbers of a whole method's first pass; None: no step."},
    {"conclude", machine_conclude, METH_O,
     "conclude($self, sums, /)\n--\n\nThe decision on the first pass's sums, and the second pass."},
    {"abort", machine_abort, METH_NOARGS, "abort($self, /)\n--\n\nForgets a step in progress."},
    {"get", machine_get, METH_O, "get($self, key, /)\n--\n\nWhat the method needs, and its settings."},
    {"set", FAST(machine_set), METH_FASTCALL, "set($self, key, value, /)\n--\n\nWhat is said of the run."},
    {"guard", FAST(machine_guard), METH_FASTCALL,
     "guard($self, mode, explode, every, /)\n--\n\nA guard whose copies lie elsewhere."},
    {"judge", machine_judge, METH_O,
     "judge($self, numbers, /)\n--\n\nWhat the guard makes of a loss, of the enumeration \"judgement\"."},
    {"factor", machine_factor, METH_O, "factor($self, step, /)\n--\n\nThe schedule's factor."},
    {"state", machine_state, METH_NOARGS, "state($self, /)\n--\n\nAll state, by name."},
    {"load", machine_load, METH_O, "load($self, state, /)\n--\n\nPuts back what state() returned."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot machine_slots[] = {
    {Py_tp_doc, "Machine(rate, attributes, /)\n--\n\nA learning-rate method: numbers in, decisions out."},
    {Py_tp_new, machine_new},
    {Py_tp_dealloc, machine_dealloc},
    {Py_tp_methods, machine_methods},
    {0, NULL},
};

PyType_Spec machine_spec = {
    .name = "lrswift._core.Machine",
    .basicsize = sizeof(Machine),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = machine_slots,
};
