/* Episode: a training run that is differentiated by its hyperparameters. */
#include <string.h>

#include "shim.h"

typedef struct {
  PyObject_HEAD
  lrs_episode *handle;
  Core *core;
  size_t columns, parameters;
  int32_t busy;
} Episode;

/* The lists of values, in the order in which hypergradients are numbered. */
static const char *const LISTS[] = {"learning_rates", "momentums", "weight_decays",
                                    "beta2s",         "epsilons",  "scalar_values"};

static size_t columns_of(const Attributes *attributes) {
  size_t columns = 0;
  for (size_t i = 0; i < attributes->count; i++) {
    for (size_t k = 0; k < sizeof LISTS / sizeof *LISTS; k++) {
      if (strcmp(attributes->items[i].key, LISTS[k]) == 0) columns += attributes->items[i].count;
    }
  }
  return columns;
}

static size_t scalars_of(const Attributes *attributes) {
  for (size_t i = 0; i < attributes->count; i++) {
    const lrs_attribute *item = &attributes->items[i];
    if (strcmp(item->key, "scalars") == 0) return item->count;
  }
  return 0;
}

static PyObject *episode_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  Core *core = core_of(type);
  PyObject *parameters, *dict;
  Tensors tensors;
  Attributes attributes;
  static char *names[] = {"", "", NULL};
  if (core == NULL) return NULL;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO:Episode", names, &parameters, &dict)) return NULL;
  if (tensors_take(core, &tensors, parameters, "Episode", "parameters") < 0) return NULL;
  if (attributes_take(core, &attributes, dict, "Episode", "attributes") < 0) {
    tensors_release(&tensors);
    return NULL;
  }
  Episode *made = object_make(type);
  int status = -1;
  if (made != NULL) {
    made->core = core;
    made->columns = columns_of(&attributes);
    made->parameters = tensors.count - scalars_of(&attributes);
    status = check(core, lrs_episode_create(&made->handle, tensors.items, tensors.count, attributes.items,
                                            attributes.count));
  }
  attributes_release(&attributes);
  tensors_release(&tensors);
  if (status < 0) Py_CLEAR(made);
  return (PyObject *)made;
}

static void episode_dealloc(PyObject *object) {
  lrs_episode_destroy(((Episode *)object)->handle);
  object_free(object);
}

/* Between the check and the release of the GIL nothing may run Python code. */
static lrs_status run(Episode *self, Program *program, Batches *batches, size_t *done, PyObject *losses,
                      int32_t phase) {
  double *loss = (double *)PyBytes_AsString(losses);
  const Tensors *data = &batches->data;
  lrs_status status;
  self->busy = program->busy = lrs_process_number();
  Py_BEGIN_ALLOW_THREADS;
  status = lrs_episode_run(done, loss, self->handle, program->handle, data->items, data->count,
                           batches->indices.buf, batches->steps, batches->batch, batches->seconds, phase);
  Py_END_ALLOW_THREADS;
  self->busy = program->busy = 0;
  return status;
}

static PyObject *phase(PyObject *object, PyObject *const *arguments, Py_ssize_t count, const char *function,
                       int32_t number) {
  Episode *self = (Episode *)object;
  Core *core = self->core;
  Batches batches;
  size_t done = 0;
  if (check_count(core, function, count, 4, 4) < 0) return NULL;
  if (!PyObject_TypeCheck(arguments[0], core->program_type)) {
    return wrong_type(core, function, "program", "a Program", arguments[0]);
  }
  Program *program = (Program *)arguments[0];
  if (batches_take(core, &batches, arguments, function) < 0) return NULL;
  PyObject *losses = rows_make(batches.steps, 1);
  PyObject *result = NULL;
  if (losses == NULL) {
    /* the exception is set */
  } else if (IS_BUSY(self) || IS_BUSY(program)) {
    busy_error(core, IS_BUSY(self) ? "Episode" : "Program");
  } else if (check(core, run(self, program, &batches, &done, losses, number)) == 0) {
    losses = rows_keep(losses, done, 1);
    if (losses != NULL) result = Py_BuildValue("(nO)", (Py_ssize_t)done, losses);
  }
  Py_XDECREF(losses);
  batches_release(&batches);
  return result;
}

static PyObject *episode_train(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  return phase(object, arguments, count, "Episode.train", LRS_EPISODE_PHASE_TRAIN);
}

static PyObject *episode_validate(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  return phase(object, arguments, count, "Episode.validate", LRS_EPISODE_PHASE_VALIDATE);
}

static PyObject *episode_retreat(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  return phase(object, arguments, count, "Episode.retreat", LRS_EPISODE_PHASE_RETREAT);
}

static PyObject *episode_replay(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  return phase(object, arguments, count, "Episode.replay", LRS_EPISODE_PHASE_REPLAY);
}

static PyObject *episode_stretch(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Episode *self = (Episode *)object;
  int32_t next;
  size_t low, high;
  if (IS_BUSY(self)) return busy_error(self->core, "Episode");
  if (check(self->core, lrs_episode_stretch(&next, &low, &high, self->handle)) < 0) return NULL;
  if (next == LRS_EPISODE_PHASE_TRAIN) Py_RETURN_NONE;
  return Py_BuildValue("(Onn)", next == LRS_EPISODE_PHASE_REPLAY ? Py_True : Py_False, (Py_ssize_t)low,
                       (Py_ssize_t)high);
}

static PyObject *episode_get(PyObject *object, PyObject *key) {
  Episode *self = (Episode *)object;
  double found;
  const char *name = text_of(self->core, key, "Episode.get", "key");
  if (name == NULL) return NULL;
  if (IS_BUSY(self)) return busy_error(self->core, "Episode");
  if (check(self->core, lrs_episode_get(&found, self->handle, name)) < 0) return NULL;
  return PyFloat_FromDouble(found);
}

static PyObject *episode_collect(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Episode *self = (Episode *)object;
  double loss;
  if (IS_BUSY(self)) return busy_error(self->core, "Episode");
  if (check(self->core, lrs_episode_collect(&loss, self->handle)) < 0) return NULL;
  return PyFloat_FromDouble(loss);
}

static PyObject *episode_hypergradients(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Episode *self = (Episode *)object;
  if (IS_BUSY(self)) return busy_error(self->core, "Episode");
  PyObject *rows = rows_make(self->columns, 1);
  if (rows == NULL) return NULL;
  double *out = (double *)PyBytes_AsString(rows);
  if (check(self->core, lrs_episode_hypergradients(out, self->columns, self->handle)) == 0) return rows;
  Py_DECREF(rows);
  return NULL;
}

static PyObject *episode_scales(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Episode *self = (Episode *)object;
  if (IS_BUSY(self)) return busy_error(self->core, "Episode");
  PyObject *rows = rows_make(self->parameters, 1);
  if (rows == NULL) return NULL;
  double *out = (double *)PyBytes_AsString(rows);
  if (check(self->core, lrs_episode_scales(out, self->parameters, self->handle)) == 0) return rows;
  Py_DECREF(rows);
  return NULL;
}

static PyObject *episode_save(PyObject *object, PyObject *Py_UNUSED(ignored)) {
  Episode *self = (Episode *)object;
  lrs_tensor *bytes = NULL;
  if (IS_BUSY(self)) return busy_error(self->core, "Episode");
  if (check(self->core, lrs_episode_save(&bytes, self->handle)) < 0) return NULL;
  return tensor_wrap(self->core, bytes);
}

static PyObject *episode_load(PyObject *object, PyObject *value) {
  Episode *self = (Episode *)object;
  lrs_tensor *bytes = tensor_handle(self->core, value, "Episode.load", "bytes");
  if (bytes == NULL) return NULL;
  if (IS_BUSY(self)) return busy_error(self->core, "Episode");
  if (check(self->core, lrs_episode_load(self->handle, bytes)) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyMethodDef episode_methods[] = {
    {"train", FAST(episode_train), METH_FASTCALL,
     "train($self, program, data, indices, seconds, /)\n--\n\nTraining steps; (steps done, losses)."},
    {"validate", FAST(episode_validate), METH_FASTCALL,
     "validate($self, program, data, indices, seconds, /)\n--\n\n"
     "Validation batches at the current point; (batches done, losses)."},
    {"retreat", FAST(episode_retreat), METH_FASTCALL,
     "retreat($self, program, data, indices, seconds, /)\n--\n\n"
     "Back over the last steps, their batches in reverse order; (steps done, losses)."},
    {"replay", FAST(episode_replay), METH_FASTCALL,
     "replay($self, program, data, indices, seconds, /)\n--\n\n"
     "Steps of the way back that are taken again, in order; (steps done, losses)."},
    {"stretch", episode_stretch, METH_NOARGS,
     "stretch($self, /)\n--\n\nWhat comes next on the way back: (whether to replay, low, high), or None."},
    {"get", episode_get, METH_O, "get($self, key, /)\n--\n\nA number: reverse, cost or replays."},
    {"collect", episode_collect, METH_NOARGS,
     "collect($self, /)\n--\n\nEnds a horizon; the mean validation loss."},
    {"hypergradients", episode_hypergradients, METH_NOARGS,
     "hypergradients($self, /)\n--\n\nSums over all horizons, as bytes of float64."},
    {"scales", episode_scales, METH_NOARGS,
     "scales($self, /)\n--\n\nDerivatives by a factor on each parameter at the start, as bytes of float64."},
    {"save", episode_save, METH_NOARGS,
     "save($self, /)\n--\n\nuint8 [n]: all that the run has made. Not between validate and collect."},
    {"load", episode_load, METH_O,
     "load($self, bytes, /)\n--\n\nGoes on from what `save` of an episode of the same arguments gave."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot episode_slots[] = {
    {Py_tp_doc,
     "Episode(parameters, attributes, /)\n--\n\nA training run differentiated by its hyperparameters."},
    {Py_tp_new, episode_new},
    {Py_tp_dealloc, episode_dealloc},
    {Py_tp_methods, episode_methods},
    {0, NULL},
};

PyType_Spec episode_spec = {
    .name = "lrswift._core.Episode",
    .basicsize = sizeof(Episode),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = episode_slots,
};
