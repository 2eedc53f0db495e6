/* Scalars, texts and dictionaries of named arguments, as the library takes them. */
#include "shim.h"

#include <string.h>

const char *text_of(Core *core, PyObject *value, const char *function, const char *argument) {
  Py_ssize_t size;
  if (!PyUnicode_Check(value)) return (const char *)wrong_type(core, function, argument, "a str", value);
  const char *text = PyUnicode_AsUTF8AndSize(value, &size);
  if (text == NULL || strlen(text) != (size_t)size) {
    PyErr_Clear();
    PyErr_Format(core->errors[LRS_VALUE_ERROR], "%s: %s must be a text without NUL or lone surrogates",
                 function, argument);
    return NULL;
  }
  return text;
}

int number_of(Core *core, double *out, PyObject *value, const char *function, const char *argument) {
  *out = PyFloat_AsDouble(value);
  if (*out != -1.0 || !PyErr_Occurred()) return 0;
  if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
    PyErr_Clear();
    PyErr_Format(core->errors[LRS_VALUE_ERROR], "%s: %s must be in the range of a double", function,
                 argument);
  } else if (PyErr_ExceptionMatches(PyExc_TypeError)) {
    wrong_type(core, function, argument, "a number", value);
  }
  return -1;
}

int integer_of(Core *core, long long *out, PyObject *value, const char *function, const char *argument) {
  PyObject *index = PyNumber_Index(value);
  if (index == NULL) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) wrong_type(core, function, argument, "an integer", value);
    return -1;
  }
  *out = PyLong_AsLongLong(index);
  Py_DECREF(index);
  if (*out != -1 || !PyErr_Occurred()) return 0;
  PyErr_Clear();
  PyErr_Format(core->errors[LRS_VALUE_ERROR], "%s: %s must fit in 64 bits", function, argument);
  return -1;
}

int flag_of(Core *core, bool *out, PyObject *value, const char *function, const char *argument) {
  if (!PyBool_Check(value)) {
    wrong_type(core, function, argument, "a bool", value);
    return -1;
  }
  *out = value == Py_True;
  return 0;
}

static int append_number(Attributes *list, double number) {
  if (list->number_count == list->number_capacity) {
    size_t capacity = 2 * list->number_capacity;
    bool owned = list->numbers != list->short_numbers;
    double *grown = PyMem_Realloc(owned ? list->numbers : NULL, capacity * sizeof *grown);
    if (grown == NULL) {
      PyErr_NoMemory();
      return -1;
    }
    if (!owned) memcpy(grown, list->numbers, list->number_count * sizeof *grown);
    list->numbers = grown;
    list->number_capacity = capacity;
  }
  list->numbers[list->number_count++] = number;
  return 0;
}

static int take_sequence(Core *core, Attributes *list, PyObject *value, const char *function,
                         const char *what) {
  PyObject *elements = PySequence_Tuple(value);
  if (elements == NULL) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
      wrong_type(core, function, what, "a number, a str or a sequence of numbers", value);
    }
    return -1;
  }
  int result = 0;
  Py_ssize_t count = PyTuple_Size(elements);
  for (Py_ssize_t i = 0; i < count && result == 0; i++) {
    double number;
    result = number_of(core, &number, PyTuple_GetItem(elements, i), function, what);
    if (result == 0) result = append_number(list, number);
  }
  Py_DECREF(elements);
  return result;
}

static bool is_sequence(PyObject *value) {
  if (PyList_Check(value) || PyTuple_Check(value)) return true;
  if (PyFloat_Check(value) || PyLong_Check(value) || !PySequence_Check(value)) return false;
  /* a zero-dimensional array calls itself a sequence and has no length */
  bool sized = PySequence_Size(value) >= 0;
  PyErr_Clear();
  return sized;
}

static int take_value(Core *core, Attributes *list, lrs_attribute *item, PyObject *value,
                      const char *function) {
  char what[96];
  PyOS_snprintf(what, sizeof what, "attribute '%.70s'", item->key);
  if (PyUnicode_Check(value)) {
    item->text = text_of(core, value, function, what);
    return item->text == NULL ? -1 : 0;
  }
  size_t before = list->number_count;
  if (PyBytes_Check(value) || PyByteArray_Check(value)) {
    wrong_type(core, function, what, "a number, a str or a sequence of numbers", value);
    return -1;
  }
  if (is_sequence(value)) {
    if (take_sequence(core, list, value, function, what) < 0) return -1;
  } else {
    double number;
    if (number_of(core, &number, value, function, what) < 0 || append_number(list, number) < 0) return -1;
  }
  item->count = list->number_count - before;
  return 0;
}

int attributes_take(Core *core, Attributes *list, PyObject *dict, const char *function,
                    const char *argument) {
  list->count = list->number_count = 0;
  list->items = list->short_items;
  list->numbers = list->short_numbers;
  list->number_capacity = SHORT_NUMBERS;
  list->kept = NULL;
  if (dict == NULL || dict == Py_None) return 0;
  if (!PyDict_Check(dict)) {
    wrong_type(core, function, argument, "a dict", dict);
    return -1;
  }
  Py_ssize_t size = PyDict_Size(dict);
  if (size == 0) return 0;
  /* converting numbers may run Python code, which must not change what is walked here */
  list->kept = PyDict_Copy(dict);
  if (list->kept == NULL) return -1;
  size = PyDict_Size(list->kept);
  if (size > SHORT_LIST) list->items = PyMem_Malloc((size_t)size * sizeof *list->items);
  if (list->items == NULL) {
    PyErr_NoMemory();
    goto failed;
  }
  PyObject *key, *value;
  for (Py_ssize_t at = 0; PyDict_Next(list->kept, &at, &key, &value);) {
    lrs_attribute *item = &list->items[list->count++];
    *item = (lrs_attribute){.key = text_of(core, key, function, "the keys of attributes")};
    if (item->key == NULL || take_value(core, list, item, value, function) < 0) goto failed;
  }
  double *next = list->numbers;
  for (size_t i = 0; i < list->count; i++) {
    if (list->items[i].text != NULL) continue;
    list->items[i].values = next;
    next += list->items[i].count;
  }
  return 0;
failed:
  attributes_release(list);
  return -1;
}

void attributes_release(Attributes *list) {
  if (list->items != list->short_items) PyMem_Free(list->items);
  if (list->numbers != list->short_numbers) PyMem_Free(list->numbers);
  list->items = list->short_items;
  list->numbers = list->short_numbers;
  Py_CLEAR(list->kept);
}
