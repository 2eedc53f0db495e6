import Kernels

/// The point of training, while the parameter stands at another to be evaluated.
final class TrainingPoint: StepMemory {
  let names = ["training_point"]
  fileprivate var point: Storage?

  func vectors(of slot: ParameterSlot) -> [(name: String, storage: Storage)] { named(point) }
  func restore(_ slot: ParameterSlot, _ saved: (String) -> Storage?) { point = saved(names[0]) }
}

extension ParameterSlot {
  var trainingPoint: Storage? {
    get { memory(TrainingPoint.self)?.point }
    set { memory(TrainingPoint.self)?.point = newValue }
  }
}
