import Adaptation
import Autodiff
import Kernels

/// Watches over the steps of an optimizer, and keeps what undoes the last one.
///
/// Memory: a copy of the parameters and of every vector that direction and rate keep, written once in `every` steps. Nothing is
/// kept, and nothing computed, where there is no guard.
struct Guard {
  /// Taken before a step, when its loss was good.
  struct Snapshot {
    let step: Int
    let parameters: [Storage]
    let buffers: [Storage]
    let state: [String: Tensor]
  }

  var policy: GuardPolicy
  /// What the model updates beside its parameters (running statistics), to be put back with them.
  var buffers: [Tensor]
  var snapshot: Snapshot?

  init(_ policy: GuardPolicy, buffers: [Tensor] = []) { (self.policy, self.buffers) = (policy, buffers) }

  /// What could be undone is no longer what there is.
  mutating func forget() { snapshot = nil }
}
