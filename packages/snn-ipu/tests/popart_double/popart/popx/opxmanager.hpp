#include "../../double.hpp"
