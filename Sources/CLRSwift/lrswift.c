#include "lrswift.h"
