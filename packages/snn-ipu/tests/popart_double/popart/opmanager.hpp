#include "../double.hpp"
