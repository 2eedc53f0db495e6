/* ALRS: what derivatives with respect to the rate mean for a search, for vectors that live elsewhere. */
#include "shim.h"

typedef struct {
  PyObject_HEAD
  lrs_alrs *handle;
  Core *core;
  Search *search;
} ALRS;

static PyObject *alrs_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  Core *core = core_of(type);
  PyObject *search, *dict = Py_None;
  Attributes attributes;
  static char *names[] = {"", "", NULL};
  if (core == NULL) return NULL;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO:ALRS", names, &search, &dict)) return NULL;
  if (!PyObject_TypeCheck(search, core->search_type))
    return wrong_type(core, "ALRS", "search", "a Search", search);
  if (attributes_take(core, &attributes, dict, "ALRS", "attributes") < 0) return NULL;
  ALRS *made = object_make(type);
  int status = -1;
  if (made != NULL) {
    Search *fed = (Search *)Py_NewRef(search);
    made->core = core;
    made->search = fed;
    if (IS_BUSY(fed)) {
      busy_error(core, "Search");
    } else {
      status = check(core, lrs_alrs_create(&made->handle, fed->handle, attributes.items, attributes.count));
    }
  }
  attributes_release(&attributes);
  if (status < 0) Py_CLEAR(made);
  return (PyObject *)made;
}

static int alrs_traverse(PyObject *object, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(((ALRS *)object)->search);
  return 0;
}

static int alrs_clear(PyObject *object) {
  ALRS *self = (ALRS *)object;
  lrs_alrs *handle = self->handle;
  self->handle = NULL;
  lrs_alrs_destroy(handle);
  Py_CLEAR(self->search);
  return 0;
}

static void alrs_dealloc(PyObject *object) {
  PyObject_GC_UnTrack(object);
  alrs_clear(object);
  object_free(object);
}

static PyObject *alrs_observe(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  ALRS *self = (ALRS *)object;
  double derivative, loss = NAN;
  lrs_verdict verdict;
  if (check_count(self->core, "ALRS.observe", count, 1, 2) < 0) return NULL;
  if (number_of(self->core, &derivative, arguments[0], "observe", "derivative") < 0) return NULL;
  if (count == 2 && number_of(self->core, &loss, arguments[1], "observe", "loss") < 0) return NULL;
  /* NULL once the garbage collector has been here */
  if (self->search == NULL || IS_BUSY(self->search)) return busy_error(self->core, "Search");
  if (check(self->core, lrs_alrs_observe(&verdict, self->handle, derivative, loss)) < 0) return NULL;
  return Py_BuildValue("(diO)", verdict.derivative, (int)verdict.signal,
                       verdict.starts_anew ? Py_True : Py_False);
}

static PyObject *alrs_see(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  static const char *const names[] = {"gradient2", "slope", "direction2", "entries"};
  ALRS *self = (ALRS *)object;
  double numbers[4];
  if (check_count(self->core, "ALRS.see", count, 4, 4) < 0) return NULL;
  for (int i = 0; i < 4; i++)
    if (number_of(self->core, &numbers[i], arguments[i], "see", names[i]) < 0) return NULL;
  if (self->search == NULL || IS_BUSY(self->search)) return busy_error(self->core, "Search");
  if (check(self->core, lrs_alrs_see(self->handle, numbers[0], numbers[1], numbers[2], numbers[3])) < 0)
    return NULL;
  Py_RETURN_NONE;
}

static PyMethodDef alrs_methods[] = {
    {"see", FAST(alrs_see), METH_FASTCALL,
     "see($self, gradient2, slope, direction2, entries, /)\n--\n\nWhat the first direction is like."},
    {"observe", FAST(alrs_observe), METH_FASTCALL,
     "observe($self, derivative, loss=nan, /)\n--\n\n(as it counts, signal given to the search, whether to start anew)."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot alrs_slots[] = {
    {Py_tp_doc, "ALRS(search, attributes, /)\n--\n\nFeeds a search with derivatives that others have taken."},
    {Py_tp_new, alrs_new},
    {Py_tp_dealloc, alrs_dealloc},
    {Py_tp_traverse, alrs_traverse},
    {Py_tp_clear, alrs_clear},
    {Py_tp_methods, alrs_methods},
    {0, NULL},
};

PyType_Spec alrs_spec = {
    .name = "lrswift._core.ALRS",
    .basicsize = sizeof(ALRS),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = alrs_slots,
};
