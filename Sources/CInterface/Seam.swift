import CLRSwift
import CVector
import Kernels
import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The one place where Swift errors become status codes, and handles become objects.

/// The last failure of each thread: it outlives its call until the thread's next one.
private final class ThreadFailures: @unchecked Sendable {
  private let messages = ThreadTexts()
  /// The step plus 1, as a pointer that is never followed; NULL where the failure names none.
  private var steps = pthread_key_t()

  init() { pthread_key_create(&steps, nil) }

  func set(_ message: String, step: Int? = nil) {
    messages.set(message)
    pthread_setspecific(steps, step.flatMap { UnsafeRawPointer(bitPattern: $0 + 1) })
  }

  var message: UnsafePointer<CChar> { messages.get() }
  var step: Int? { pthread_getspecific(steps).map { Int(bitPattern: $0) - 1 } }
}

private let failures = ThreadFailures()
let texts = ThreadTexts()

func succeeds(_ body: () throws -> Void) -> lrs_status {
  do {
    // What a call that failed has left behind: it was told.
    cv_thread().pointee.refused = 0
    try Refusal.checkReserve()
    try body()
    try Refusal.check()
    return lrs_status(LRS_OK)
  } catch let failure as Failure {
    failures.set(failure.message, step: failure.step)
    return failure.kind.rawValue
  } catch {
    failures.set("internal error: \(error)")
    return lrs_status(LRS_INTERNAL_ERROR)
  }
}

@c @implementation
public func lrs_last_error() -> UnsafePointer<CChar>! { failures.message }

@c @implementation
public func lrs_last_step() -> Int64 { failures.step.map(Int64.init) ?? -1 }

/// A handle owns one reference to its object.
func retain<Object: AnyObject>(_ object: Object) -> OpaquePointer {
  OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

func release<Object: AnyObject>(_ handle: OpaquePointer?, _: Object.Type) {
  guard let handle else { return }
  Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).release()
}

func object<Object: AnyObject>(_ handle: OpaquePointer?, _: Object.Type, _ name: @autoclosure () -> String)
  throws
  -> Object
{
  guard let handle else { throw Failure.value("\(name()) must not be NULL") }
  return Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

func objects<Object: AnyObject>(
  _ handles: UnsafePointer<OpaquePointer?>?, _ count: Int, _ type: Object.Type, _ name: String
) throws -> [Object] {
  if count == 0 { return [] }
  try checkCount(count, name)
  guard let handles else { throw Failure.value("\(name) must not be NULL") }
  return try (0..<count).map { try object(handles[$0], type, "\(name)[\($0)]") }
}

/// A size_t beyond any list arrives as a negative number.
func checkCount(_ count: Int, _ name: String) throws {
  guard count >= 0, count <= Int(Int32.max) else {
    throw Failure.value("\(name): there cannot be \(count) of them")
  }
}

/// An out-pointer, which must be given.
func place<T>(_ pointer: UnsafeMutablePointer<T>?, _ name: String) throws -> UnsafeMutablePointer<T> {
  guard let pointer else { throw Failure.value("\(name) must not be NULL") }
  return pointer
}

/// Writes `values`, of which `owner` has as many as there are `things`, where the caller made room for `count`.
func write(
  _ values: [Double], to out: UnsafeMutablePointer<Double>?, _ name: String, count: Int, owner: String,
  things: String
) throws {
  guard values.count == count else {
    throw Failure.value("the \(owner) has \(values.count) \(things), room was given for \(count)")
  }
  let out = try place(out, name)
  for (i, value) in values.enumerated() { out[i] = value }
}

func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws -> String {
  guard let pointer else { throw Failure.value("\(name) must not be NULL") }
  return String(cString: pointer)
}

func attributes(_ owner: String, _ list: UnsafePointer<lrs_attribute>?, _ count: Int) throws -> Attributes {
  if count == 0 { return Attributes(owner) }
  var values: [String: Attributes.Value] = [:]
  try checkCount(count, "attributes")
  if list == nil { throw Failure.value("attributes must not be NULL") }
  for i in 0..<count {
    let attribute = list![i]
    let key = try text(attribute.key, "the key of attribute \(i)")
    if let string = attribute.text {
      values[key] = .text(String(cString: string))
    } else if let numbers = attribute.values {
      values[key] = .numbers(Array(UnsafeBufferPointer(start: numbers, count: attribute.count)))
    } else if attribute.count == 0 {
      values[key] = .numbers([])
    } else {
      throw Failure.value("attribute '\(key)' has neither numbers nor text")
    }
  }
  return Attributes(owner, values)
}
