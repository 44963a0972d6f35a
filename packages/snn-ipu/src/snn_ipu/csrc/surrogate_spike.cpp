// SurrogateSpike: a step function with a surrogate's gradient, as an operator of PopART (Poplar SDK 3.3 and 3.4).
#include "surrogate_math.hpp"

#include <popart/op.hpp>
#include <popart/opmanager.hpp>
#include <popart/opserialiser.hpp>
#include <popart/popx/opx.hpp>
#include <popart/popx/opxmanager.hpp>
#include <popops/ElementWise.hpp>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace pe = popops::expr;
using snn_ipu::Kind;

const popart::OperatorIdentifier kSpike{"snn.ops", "SurrogateSpike", 1};
const popart::OperatorIdentifier kSpikeGrad{"snn.ops", "SurrogateSpikeGrad", 1};

struct Expressions {
  using Value = pe::Any;
  static Value constant(double c) { return pe::Const(static_cast<float>(c)); }
  static Value add(const Value &a, const Value &b) { return pe::Add(a, b); }
  static Value subtract(const Value &a, const Value &b) { return pe::Sub(a, b); }
  static Value multiply(const Value &a, const Value &b) { return pe::Mul(a, b); }
  static Value divide(const Value &a, const Value &b) { return pe::Divide(a, b); }
  static Value absolute(const Value &a) { return pe::Abs(a); }
  static Value square(const Value &a) { return pe::Square(a); }
  static Value logistic(const Value &a) { return pe::Sigmoid(a); }
  static Value maximum(const Value &a, const Value &b) { return pe::Max(a, b); }
  static Value select(const Value &a, const Value &b, const Value &u) {
    return pe::Select(a, b, pe::Gt(u, pe::Const(0.0f)));
  }
};

// The part that the operator and its gradient share. The two parameters tell operators apart: without them in the
// attributes, PopART would merge a fast sigmoid with a triangle.
class Surrogate : public popart::Op {
public:
  Surrogate(const popart::OperatorIdentifier &id, Kind kind, float slope, const popart::Op::Settings &settings)
      : popart::Op(id, settings), kind(kind), slope(slope) {}

  void setup() final { outInfo(0) = inInfo(0); }
  float getSubgraphValue() const final { return getHighSubgraphValue(); }
  bool requiresRandomSeed() const final { return false; }

  void appendAttributes(popart::OpSerialiserBase &os) const final {
    popart::Op::appendAttributes(os);
    append(os);
  }
  void appendOutlineAttributes(popart::OpSerialiserBase &os) const final {
    popart::Op::appendOutlineAttributes(os);
    append(os);
  }

  const Kind kind;
  const float slope;

private:
  void append(popart::OpSerialiserBase &os) const {
    os.appendAttribute("kind", static_cast<int64_t>(kind));
    os.appendAttribute("slope", slope);
  }
};

class SpikeGradOp final : public Surrogate {
public:
  explicit SpikeGradOp(const Surrogate &forward) : Surrogate(kSpikeGrad, forward.kind, forward.slope, forward.settings) {}

  std::unique_ptr<popart::Op> clone() const final { return std::make_unique<SpikeGradOp>(*this); }

  // the gradient of the spikes, and the membrane from which they were computed
  const std::vector<popart::GradInOutMapper> &gradInputInfo() const final {
    static const std::vector<popart::GradInOutMapper> from = {{0, 0, popart::GradOpInType::GradOut},
                                                              {1, 0, popart::GradOpInType::In}};
    return from;
  }
  const std::map<int, int> &gradOutToNonGradIn() const final {
    static const std::map<int, int> to = {{0, 0}};
    return to;
  }
};

class SpikeOp final : public Surrogate {
public:
  using Surrogate::Surrogate;

  std::unique_ptr<popart::Op> clone() const final { return std::make_unique<SpikeOp>(*this); }

  std::vector<std::unique_ptr<popart::Op>> getGradOps() final {
    std::vector<std::unique_ptr<popart::Op>> ops;
    ops.push_back(std::make_unique<SpikeGradOp>(*this));
    return ops;
  }
};

class SpikeOpx final : public popart::popx::Opx {
public:
  SpikeOpx(popart::Op *op, popart::popx::Devicex *device) : popart::popx::Opx(op, device) {
    verifyOp<SpikeOp>(op, kSpike);
  }

  // writes a tensor of its own, because the gradient reads the membrane again
  void grow(poplar::program::Sequence &prog) const final {
    const poplar::Tensor u = getInTensor(0);
    const pe::Any fired = pe::Cast(snn_ipu::spike<Expressions>(pe::_1), u.elementType());
    setOutTensor(0, popops::map(graph(), fired, {u}, prog, debugContext("SurrogateSpike")));
  }
};

class SpikeGradOpx final : public popart::popx::Opx {
public:
  SpikeGradOpx(popart::Op *op, popart::popx::Devicex *device) : popart::popx::Opx(op, device) {
    verifyOp<SpikeGradOp>(op, kSpikeGrad);
  }

  void grow(poplar::program::Sequence &prog) const final {
    const auto &op = getOp<SpikeGradOp>();
    const poplar::Tensor gradient = getInTensor(0);
    const pe::Any factor = snn_ipu::derivative<Expressions>(op.kind, op.slope, pe::_2);
    const pe::Any product = pe::Cast(pe::Mul(pe::_1, factor), gradient.elementType());
    setOutTensor(0, popops::map(graph(), product, {gradient, getInTensor(1)}, prog, debugContext("SurrogateSpikeGrad")));
  }
};

const popart::OpDefinition::DataTypes kFloats = {popart::DataType::FLOAT16, popart::DataType::FLOAT};
const popart::OpDefinition kDefinition({popart::OpDefinition::Inputs({{"u", kFloats}}),
                                        popart::OpDefinition::Outputs({{"spk", kFloats}}),
                                        popart::OpDefinition::Attributes({{"kind", {"*"}}, {"slope", {"*"}}})});

const popart::OpCreator<SpikeOp> kCreator(
    popart::OpDefinitions({{kSpike, kDefinition}}),
    [](const popart::OpCreatorInfo &info) -> std::unique_ptr<popart::Op> {
      const auto kind = info.attributes.getAttribute<popart::Attributes::Int>("kind", 0);
      const auto slope = info.attributes.getAttribute<popart::Attributes::Float>("slope", 1.0f);
      if (kind < 0 || kind >= snn_ipu::kKinds)
        throw std::invalid_argument("SurrogateSpike: kind is " + std::to_string(kind) + "; it is 0 to 4");
      return std::make_unique<SpikeOp>(info.opid, static_cast<Kind>(kind), slope, info.settings);
    },
    true);

const popart::popx::OpxCreator<SpikeOpx> kOpx({kSpike});
const popart::popx::OpxCreator<SpikeGradOpx> kGradOpx({kSpikeGrad});

} // namespace
