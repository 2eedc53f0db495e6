/* Learner: moves the hyperparameters of a schedule by their hypergradients; and the judgement of finalists.
 */
#include "shim.h"

typedef struct {
  PyObject_HEAD
  lrs_learner *handle;
  Core *core;
} Learner;

static PyObject *learner_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  Core *core = core_of(type);
  Attributes attributes;
  lrs_learner *handle = NULL;
  if (core == NULL) return NULL;
  if (PyTuple_Size(arguments) != 0) {
    PyErr_SetString(core->errors[LRS_TYPE_ERROR], "Learner: takes keyword arguments only");
    return NULL;
  }
  if (attributes_take(core, &attributes, keywords, "Learner", "attributes") < 0) return NULL;
  int status = check(core, lrs_learner_create(&handle, attributes.items, attributes.count));
  attributes_release(&attributes);
  if (status < 0) return NULL;
  Learner *made = object_make(type);
  if (made == NULL) {
    lrs_learner_destroy(handle);
    return NULL;
  }
  made->handle = handle;
  made->core = core;
  return (PyObject *)made;
}

static void learner_dealloc(PyObject *object) {
  lrs_learner_destroy(((Learner *)object)->handle);
  object_free(object);
}

static PyObject *learner_observe(PyObject *object, PyObject *dict) {
  Learner *self = (Learner *)object;
  Attributes attributes;
  if (attributes_take(self->core, &attributes, dict, "observe", "attributes") < 0) return NULL;
  int status = check(self->core, lrs_learner_observe(self->handle, attributes.items, attributes.count));
  attributes_release(&attributes);
  if (status < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *learner_get(PyObject *object, PyObject *value) {
  Learner *self = (Learner *)object;
  lrs_tensor *found = NULL;
  const char *key = text_of(self->core, value, "get", "key");
  if (key == NULL) return NULL;
  if (check(self->core, lrs_learner_get(&found, self->handle, key)) < 0) return NULL;
  return tensor_wrap(self->core, found);
}

static PyObject *learner_load(PyObject *object, PyObject *dict) {
  Learner *self = (Learner *)object;
  Attributes attributes;
  if (attributes_take(self->core, &attributes, dict, "load", "attributes") < 0) return NULL;
  int status = check(self->core, lrs_learner_load(self->handle, attributes.items, attributes.count));
  attributes_release(&attributes);
  if (status < 0) return NULL;
  Py_RETURN_NONE;
}

static PyMethodDef learner_methods[] = {
    {"observe", learner_observe, METH_O,
     "observe($self, attributes, /)\n--\n\nlosses [seeds] and hypergradients [seeds x N] of one outer step."},
    {"get", learner_get, METH_O, "get($self, key, /)\n--\n\nfloat64 [n]: values, steps, best_values, ..."},
    {"load", learner_load, METH_O, "load($self, attributes, /)\n--\n\nGoes back to a state that `get` gave."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot learner_slots[] = {
    {Py_tp_doc, "Learner(**attributes)\n--\n\nMoves a schedule's values by their hypergradients."},
    {Py_tp_new, learner_new},
    {Py_tp_dealloc, learner_dealloc},
    {Py_tp_methods, learner_methods},
    {0, NULL},
};

PyType_Spec learner_spec = {
    .name = "lrswift._core.Learner",
    .basicsize = sizeof(Learner),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = learner_slots,
};

/* ---- finalists ---- */

PyObject *finalist_penalty(PyObject *module, PyObject *dict) {
  Core *core = PyModule_GetState(module);
  Attributes attributes;
  double penalty;
  if (attributes_take(core, &attributes, dict, "finalist_penalty", "attributes") < 0) return NULL;
  int status = check(core, lrs_finalists_penalty(&penalty, attributes.items, attributes.count));
  attributes_release(&attributes);
  return status < 0 ? NULL : PyFloat_FromDouble(penalty);
}

PyObject *judge_finalists(PyObject *module, PyObject *dict) {
  Core *core = PyModule_GetState(module);
  Attributes attributes;
  lrs_tensor *scores = NULL;
  int64_t best;
  if (attributes_take(core, &attributes, dict, "judge_finalists", "attributes") < 0) return NULL;
  int status = check(core, lrs_finalists_judge(&scores, &best, attributes.items, attributes.count));
  attributes_release(&attributes);
  if (status < 0) return NULL;
  PyObject *tensor = tensor_wrap(core, scores);
  PyObject *chosen = best < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(best);
  PyObject *made = tensor != NULL && chosen != NULL ? PyTuple_Pack(2, tensor, chosen) : NULL;
  Py_XDECREF(tensor);
  Py_XDECREF(chosen);
  return made;
}
