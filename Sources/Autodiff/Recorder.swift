import CVector
import Synchronization
import Vocabulary

/// The operations that a thread runs between `begin` and `end`, in order.
public final class Recorder: @unchecked Sendable {
  struct Step {
    let op: Op
    let inputs: [Tensor]
    let output: Tensor
  }

  static let active = Mutex<[Int64: Recorder]>([:])
  private static let counter = Atomic<Int64>(0)

  let inputs: [Tensor]
  private(set) var steps: [Step] = []
  let firstStream: UInt64

  private init(_ inputs: [Tensor]) {
    self.inputs = inputs
    firstStream = Context.stream
  }

  /// What an operation computes, its program computes anew; what an effect writes lasts.
  func append(_ op: Op, _ inputs: [Tensor], _ output: Tensor) {
    if op.isEffect {
      for storage in op.written(inputs) { storage.whole.recording = 0 }
    } else if op.sharedStorage(inputs) == nil {
      output.storage.recording = cv_thread().pointee.recording
    }
    steps.append(Step(op: op, inputs: inputs, output: output))
  }

  public static func begin(_ inputs: [Tensor]) throws {
    guard !Context.isRecording else {
      throw Failure(.recording, "this thread is already recording a program")
    }
    let number = counter.add(1, ordering: .relaxed).newValue
    let recorder = Recorder(inputs)
    active.withLock { $0[number] = recorder }
    cv_thread().pointee.recording = number
  }

  /// Ends the recording; `outputs[0]` is the loss.
  public static func end(_ outputs: [Tensor]) throws -> Program {
    let recorder = try take()
    return try Program(recorder, outputs)
  }

  /// While a loss is recorded nobody reads what callers let go of: its memory serves for what is recorded next.
  public static func letGo(_ tensor: Tensor) {
    tensor.storage.letGo()
    let number = cv_thread().pointee.recording
    guard number != 0 else { return }
    let storage = tensor.storage.whole
    if storage.recording == number, !storage.isHeld { storage.drop() }
  }

  public static func abort() { _ = try? take() }

  private static func take() throws -> Recorder {
    let number = cv_thread().pointee.recording
    guard number != 0, let recorder = active.withLock({ $0.removeValue(forKey: number) }) else {
      throw Failure(.recording, "this thread is not recording a program")
    }
    cv_thread().pointee.recording = 0
    return recorder
  }
}
