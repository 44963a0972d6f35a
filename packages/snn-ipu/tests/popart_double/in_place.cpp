// An operator with the mistake that SurrogateSpike must not make: it fires into its input, and its gradient reads that.
#include <popart/op.hpp>
#include <popart/opmanager.hpp>
#include <popart/popx/opx.hpp>
#include <popart/popx/opxmanager.hpp>
#include <popops/ElementWise.hpp>

namespace {

namespace pe = popops::expr;

const popart::OperatorIdentifier kStep{"snn.ops", "InPlaceStep", 1};
const popart::OperatorIdentifier kStepGrad{"snn.ops", "InPlaceStepGrad", 1};

struct StepGrad final : popart::Op {
  explicit StepGrad(const Settings &settings) : Op(kStepGrad, settings) {}
  std::unique_ptr<Op> clone() const final { return std::make_unique<StepGrad>(*this); }
  void setup() final { outInfo(0) = inInfo(0); }
  float getSubgraphValue() const final { return getHighSubgraphValue(); }
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

struct Step final : popart::Op {
  explicit Step(const Settings &settings) : Op(kStep, settings) {}
  std::unique_ptr<Op> clone() const final { return std::make_unique<Step>(*this); }
  void setup() final { outInfo(0) = inInfo(0); }
  float getSubgraphValue() const final { return getHighSubgraphValue(); }
  std::vector<std::unique_ptr<Op>> getGradOps() final {
    std::vector<std::unique_ptr<Op>> ops;
    ops.push_back(std::make_unique<StepGrad>(settings));
    return ops;
  }
};

struct StepOpx final : popart::popx::Opx {
  using Opx::Opx;
  void grow(poplar::program::Sequence &prog) const final {
    const pe::Select fired(pe::Const(1.0f), pe::Const(0.0f), pe::Gt(pe::_1, pe::Const(0.0f)));
    popops::mapInPlace(graph(), fired, {getInTensor(0)}, prog);
    setOutTensor(0, getInTensor(0));
  }
};

struct StepGradOpx final : popart::popx::Opx {
  using Opx::Opx;
  void grow(poplar::program::Sequence &prog) const final {
    const pe::Any scale = pe::Square(pe::Add(pe::Const(1.0f), pe::Abs(pe::_2)));
    setOutTensor(0, popops::map(graph(), pe::Divide(pe::_1, scale), {getInTensor(0), getInTensor(1)}, prog));
  }
};

const popart::OpCreator<Step> kCreator(
    popart::OpDefinitions({{kStep, popart::OpDefinition({}, {}, {})}}),
    [](const popart::OpCreatorInfo &info) { return std::make_unique<Step>(info.settings); }, true);
const popart::popx::OpxCreator<StepOpx> kOpx({kStep});
const popart::popx::OpxCreator<StepGradOpx> kGradOpx({kStepGrad});

} // namespace
