import CVector

/// Modes and random state of the calling thread.
public enum Context {
  public static var gradientsEnabled: Bool {
    get { cv_thread().pointee.gradients_off == 0 }
    set { cv_thread().pointee.gradients_off = newValue ? 0 : 1 }
  }

  public static var seed: UInt64 {
    get { cv_thread().pointee.seed }
    set { cv_thread().pointee.seed = newValue }
  }

  /// The number of the next stream of random numbers: each random operation takes one.
  public static var stream: UInt64 {
    get { cv_thread().pointee.stream }
    set { cv_thread().pointee.stream = newValue }
  }

  public static var isRecording: Bool { cv_thread().pointee.recording != 0 }

  static var recorder: Recorder? {
    let number = cv_thread().pointee.recording
    return number == 0 ? nil : Recorder.active.withLock { $0[number] }
  }
}
