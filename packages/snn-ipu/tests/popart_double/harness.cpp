// Runs an operator on the double as PopART would: forward, then the gradient that it names, which reads the same input.
#include "double.hpp"

#include <cstring>

namespace {

thread_local std::string said;

popart::popx::Devicex grown(popart::Op &op, std::vector<poplar::Tensor> inputs) {
  popart::popx::Devicex device;
  device.in = std::move(inputs);
  for (std::size_t i = 0; i < device.in.size(); ++i)
    op.inInfo(static_cast<int>(i)).size = device.in[i].data->size();
  op.setup();
  std::vector<std::vector<float>> before;
  for (const auto &t : device.in)
    before.push_back(*t.data);
  poplar::program::Sequence prog;
  popart::popx::growers().at(op.opid.type)(&op, &device)->grow(prog);
  for (std::size_t i = 0; i < device.in.size(); ++i)
    if (*device.in[i].data != before[i] && !op.modifies(static_cast<int>(i)))
      throw std::logic_error(op.opid.type + " writes into input " + std::to_string(i) + " without saying so");
  return device;
}

int guarded(const std::function<void()> &run) {
  try {
    run();
    return 0;
  } catch (const std::exception &error) {
    said = error.what();
    return 1;
  }
}

std::unique_ptr<popart::Op> made(const char *type, int kind, float slope) {
  popart::Attributes attributes;
  attributes.values = {{"kind", kind}, {"slope", slope}};
  return popart::makers().at(type)({{"snn.ops", type, 1}, {}, attributes});
}

} // namespace

extern "C" const char *snn_said() { return said.c_str(); }

// Spikes of u, and the gradient with respect to u; with lax, an operator may write into its input unseen.
extern "C" int snn_run(const char *type, int kind, float slope, const float *u, const float *grad, std::size_t count,
                       int lax, float *spk, float *out) {
  return guarded([&] {
    const auto op = made(type, kind, slope)->clone();
    const poplar::Tensor membrane(std::vector<float>(u, u + count));
    popart::popx::Devicex forward;
    try {
      forward = grown(*op, {membrane});
    } catch (const std::logic_error &) {
      if (!lax)
        throw;
      forward.out = {membrane};
    }
    std::memcpy(spk, forward.out.at(0).data->data(), count * sizeof(float));
    const auto gradients = op->getGradOps();
    auto &gradient = *gradients.at(0);
    std::vector<poplar::Tensor> inputs(gradient.gradInputInfo().size());
    for (const auto &from : gradient.gradInputInfo())
      inputs.at(from.iGrad) = from.type == popart::GradOpInType::GradOut
                                  ? poplar::Tensor(std::vector<float>(grad, grad + count))
                                  : (from.type == popart::GradOpInType::In ? membrane : forward.out.at(from.iNonGrad));
    const auto backward = grown(gradient, inputs);
    std::memcpy(out, backward.out.at(gradient.gradOutToNonGradIn().begin()->first).data->data(), count * sizeof(float));
  });
}

// What tells two operators apart, forward and backward.
extern "C" int snn_attributes(int kind, float slope, char *text, std::size_t room) {
  return guarded([&] {
    const auto op = made("SurrogateSpike", kind, slope);
    std::string all;
    for (const popart::Op *each : {static_cast<const popart::Op *>(op.get()),
                                   static_cast<const popart::Op *>(op->getGradOps().at(0).release())}) {
      popart::OpSerialiserBase plain, outline;
      each->appendAttributes(plain);
      each->appendOutlineAttributes(outline);
      all += plain.text.str() + "|" + outline.text.str() + "|";
    }
    std::strncpy(text, all.c_str(), room - 1);
  });
}
