// A double of the slice of PopART's and PopLibs' interface that one elementwise operator uses. It runs: tensors are
// handles to shared memory, as on a device, so that an operator that writes into its input is seen by everyone else.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace poplar {

enum class Type { FLOAT };

class Tensor {
public:
  Tensor() = default;
  explicit Tensor(std::vector<float> values) : data(std::make_shared<std::vector<float>>(std::move(values))) {}
  Type elementType() const { return Type::FLOAT; }
  std::shared_ptr<std::vector<float>> data;
};

struct Graph {};
struct DebugContext {
  std::string name;
};
struct OptionFlags {};
namespace program {
struct Sequence {};
} // namespace program

} // namespace poplar

namespace popops {
namespace expr {

using Arguments = std::vector<float>;

class Expr {
public:
  std::function<float(const Arguments &)> value;
};

// As in PopLibs no expression itself, and not to be copied.
class Any {
public:
  Any(const Expr &e) : inside(e) {}
  Any(const Any &) = delete;
  Any(Any &&) = default;
  operator const Expr &() const { return inside; }

private:
  Expr inside;
};

struct Const : Expr {
  explicit Const(float c) { value = [c](const Arguments &) { return c; }; }
};
struct PlaceHolder : Expr {
  explicit PlaceHolder(unsigned index) { value = [index](const Arguments &a) { return a.at(index - 1); }; }
};
const PlaceHolder _1(1), _2(2);

#define SNN_UNARY(NAME, FORMULA)                                                                                       \
  struct NAME : Expr {                                                                                                 \
    explicit NAME(const Expr &e) {                                                                                     \
      value = [f = e.value](const Arguments &args) {                                                                   \
        const float a = f(args);                                                                                       \
        return static_cast<float>(FORMULA);                                                                            \
      };                                                                                                               \
    }                                                                                                                  \
  };
#define SNN_BINARY(NAME, FORMULA)                                                                                      \
  struct NAME : Expr {                                                                                                 \
    NAME(const Expr &l, const Expr &r) {                                                                               \
      value = [f = l.value, g = r.value](const Arguments &args) {                                                      \
        const float a = f(args), b = g(args);                                                                          \
        return static_cast<float>(FORMULA);                                                                            \
      };                                                                                                               \
    }                                                                                                                  \
  };
SNN_UNARY(Abs, std::fabs(a))
SNN_UNARY(Square, a *a)
SNN_UNARY(Sigmoid, 1 / (1 + std::exp(-a)))
SNN_BINARY(Add, a + b)
SNN_BINARY(Sub, a - b)
SNN_BINARY(Mul, a *b)
SNN_BINARY(Divide, a / b)
SNN_BINARY(Max, std::max(a, b))
SNN_BINARY(Gt, a > b ? 1 : 0)
#undef SNN_UNARY
#undef SNN_BINARY

struct Select : Expr {
  Select(const Expr &a, const Expr &b, const Expr &condition) {
    value = [a = a.value, b = b.value, c = condition.value](const Arguments &args) { return c(args) ? a(args) : b(args); };
  }
};
struct Cast : Expr {
  Cast(const Expr &e, poplar::Type) : Expr(e) {}
};

} // namespace expr

inline std::vector<float> evaluated(const expr::Expr &e, const std::vector<poplar::Tensor> &inputs) {
  std::vector<float> out;
  for (std::size_t i = 0; i < inputs.at(0).data->size(); ++i) {
    expr::Arguments args;
    for (const auto &t : inputs)
      args.push_back(t.data->at(i));
    out.push_back(e.value(args));
  }
  return out;
}

inline poplar::Tensor map(poplar::Graph &, const expr::Expr &e, const std::vector<poplar::Tensor> &inputs,
                          poplar::program::Sequence &, const poplar::DebugContext & = {},
                          const poplar::OptionFlags & = {}) {
  return poplar::Tensor(evaluated(e, inputs));
}

inline void mapInPlace(poplar::Graph &, const expr::Expr &e, const std::vector<poplar::Tensor> &inputs,
                       poplar::program::Sequence &, const poplar::DebugContext & = {},
                       const poplar::OptionFlags & = {}) {
  *inputs.at(0).data = evaluated(e, inputs);
}

} // namespace popops

namespace popart {

struct OperatorIdentifier {
  std::string domain, type;
  int version;
  bool operator<(const OperatorIdentifier &o) const { return type < o.type; }
};

struct TensorInfo {
  std::size_t size = 0;
};

class OpSerialiserBase {
public:
  void appendAttribute(const std::string &name, float value) { text << name << "=" << value << ";"; }
  void appendAttribute(const std::string &name, int64_t value) { text << name << "=" << value << ";"; }
  std::ostringstream text;
};

enum class GradOpInType { In, Out, GradOut };
struct GradInOutMapper {
  int iGrad, iNonGrad;
  GradOpInType type;
};

class Op {
public:
  struct Settings {};
  Op(const OperatorIdentifier &id, const Settings &settings) : opid(id), settings(settings) {}
  virtual ~Op() = default;
  virtual std::unique_ptr<Op> clone() const = 0;
  virtual void setup() = 0;
  virtual void appendAttributes(OpSerialiserBase &) const {}
  virtual void appendOutlineAttributes(OpSerialiserBase &) const {}
  virtual std::vector<std::unique_ptr<Op>> getGradOps() { return {}; }
  virtual const std::vector<GradInOutMapper> &gradInputInfo() const { throw std::logic_error("not a gradient"); }
  virtual const std::map<int, int> &gradOutToNonGradIn() const { throw std::logic_error("not a gradient"); }
  virtual float getSubgraphValue() const = 0;
  virtual bool requiresRandomSeed() const { return false; }
  virtual bool modifies(int) const { return false; }
  float getHighSubgraphValue() const { return 1000; }
  TensorInfo &inInfo(int i) { return in[i]; }
  TensorInfo &outInfo(int i) { return out[i]; }

  OperatorIdentifier opid;
  Settings settings;
  std::map<int, TensorInfo> in, out;
};

enum class DataType { FLOAT16, FLOAT };

struct Attributes {
  using Int = int64_t;
  using Float = float;
  std::map<std::string, double> values;
  template <typename T> T getAttribute(const std::string &name, T otherwise) const {
    const auto found = values.find(name);
    return found == values.end() ? otherwise : static_cast<T>(found->second);
  }
};

struct OpDefinition {
  using DataTypes = std::vector<DataType>;
  struct Input {
    Input(std::string name, DataTypes types) : name(std::move(name)), types(std::move(types)) {}
    std::string name;
    DataTypes types;
  };
  using Output = Input;
  struct Attribute {
    Attribute(std::string pattern) : pattern(std::move(pattern)) {}
    std::string pattern;
  };
  using Inputs = std::vector<Input>;
  using Outputs = std::vector<Output>;
  using Attributes = std::map<std::string, Attribute>;
  OpDefinition(Inputs inputs, Outputs outputs, Attributes attributes)
      : inputs(std::move(inputs)), outputs(std::move(outputs)), attributes(std::move(attributes)) {}
  Inputs inputs;
  Outputs outputs;
  Attributes attributes;
};
using OpDefinitions = std::map<OperatorIdentifier, OpDefinition>;

struct OpCreatorInfo {
  OperatorIdentifier opid;
  Op::Settings settings;
  Attributes attributes;
};

using Maker = std::function<std::unique_ptr<Op>(const OpCreatorInfo &)>;
inline std::map<std::string, Maker> &makers() {
  static std::map<std::string, Maker> all;
  return all;
}

template <class OP> struct OpCreator {
  OpCreator(const OpDefinitions &definitions, Maker maker, bool) {
    for (const auto &definition : definitions)
      makers()[definition.first.type] = maker;
  }
};

namespace popx {

struct Devicex {
  poplar::Graph graph;
  std::vector<poplar::Tensor> in, out;
};

class Opx {
public:
  Opx(Op *op, Devicex *device) : op_p(op), dv_p(device) {}
  virtual ~Opx() = default;
  virtual void grow(poplar::program::Sequence &) const = 0;
  template <class OP> OP &getOp() const { return dynamic_cast<OP &>(*op_p); }
  template <class OP> void verifyOp(Op *op, const OperatorIdentifier &id) const {
    if (op->opid.type != id.type)
      throw std::logic_error("an Opx of another operator");
  }
  poplar::Graph &graph() const { return dv_p->graph; }
  const poplar::Tensor &getInTensor(int i) const { return dv_p->in.at(i); }
  void setOutTensor(int i, const poplar::Tensor &t) const {
    dv_p->out.resize(std::max<std::size_t>(dv_p->out.size(), i + 1));
    dv_p->out[i] = t;
  }
  poplar::DebugContext debugContext(const std::string &name = "") const { return {name}; }

  Op *op_p;
  Devicex *dv_p;
};

using Grower = std::function<std::unique_ptr<Opx>(Op *, Devicex *)>;
inline std::map<std::string, Grower> &growers() {
  static std::map<std::string, Grower> all;
  return all;
}

template <class OPX> struct OpxCreator {
  explicit OpxCreator(const std::vector<OperatorIdentifier> &ids) {
    for (const auto &id : ids)
      growers()[id.type] = [](Op *op, Devicex *device) { return std::make_unique<OPX>(op, device); };
  }
};

} // namespace popx
} // namespace popart
