import Kernels
import Vocabulary

/// Which nodes of a graph use what others give.
struct GraphUses {
  /// The nodes that use a node, once for each use, in order.
  let consumers: [ObjectIdentifier: [Tensor]]

  init(_ nodes: [Tensor]) {
    var found: [ObjectIdentifier: [Tensor]] = [:]
    for node in nodes {
      for input in node.inputs where input.requiresGrad && !input.isLeaf {
        found[ObjectIdentifier(input), default: []].append(node)
      }
    }
    consumers = found
  }

  /// An input that `node` passes on as it is, and which nothing else uses: what lies on one lies on the other.
  func forerunner(_ node: Tensor) -> Tensor? {
    guard let op = node.op as? LinearOp, let passed = op.passed else { return nil }
    let input = node.inputs[passed]
    return input.requiresGrad && !input.isLeaf && consumers[ObjectIdentifier(input)]!.count == 1 ? input : nil
  }
}

/// Memory of the values and gradients of a recorded loss: what nobody reads any more gives its own to the next of the
/// same size.
///
/// The passes of a run are numbered: its steps in order, then the nodes of its graph from the last to the first.
struct BufferPlan {
  /// What lies in one place: a value and its views, or a gradient and those that it is handed on to as it is.
  private struct Item {
    var tensors: [Tensor]
    let byteCount: Int
    let isGradient: Bool
    /// The pass that writes it, and the last ones that read it: of values, and of derivatives, where any does.
    var first: Int
    var last: Int
    var lastDerivative: Int?
  }

  private var items: [Item] = []
  private let nodes: [Tensor]
  private let passes: Int
  private let uses: GraphUses
  /// By storage of the recording.
  private var places: [ObjectIdentifier: Int] = [:]

  /// `fixed`: what stays where it is, as does what lies in the hands of callers.
  init(_ steps: [Recorder.Step], _ nodes: [Tensor], fixed: Set<ObjectIdentifier>) {
    self.nodes = nodes
    passes = steps.count + nodes.count
    uses = GraphUses(nodes)
    addValues(steps, fixed)
    addGradients(steps.count)
  }

  private mutating func addValues(_ steps: [Recorder.Step], _ fixed: Set<ObjectIdentifier>) {
    var seen: Set<ObjectIdentifier> = []
    for (pass, step) in steps.enumerated() {
      let storage = step.output.storage.whole
      let key = ObjectIdentifier(storage)
      if step.op.sharedStorage(step.inputs) == nil, !step.op.isEffect, storage.byteCount > 0,
        !storage.isHeld, !fixed.contains(key)
      {
        places[key] = items.count
        items.append(
          Item(tensors: [], byteCount: storage.byteCount, isGradient: false, first: pass, last: pass))
      }
      for tensor in step.inputs + [step.output] {
        guard let place = places[ObjectIdentifier(tensor.storage.whole)] else { continue }
        items[place].last = pass
        if seen.insert(ObjectIdentifier(tensor)).inserted { items[place].tensors.append(tensor) }
      }
    }
    for (i, node) in nodes.enumerated() {
      let pass = passes - 1 - i
      for place in valuesRead(node) {
        items[place].lastDerivative = max(items[place].lastDerivative ?? pass, pass)
      }
    }
  }

  /// What the derivatives of a node read of that which is planned here.
  private func valuesRead(_ node: Tensor) -> [Int] {
    var read = node.inputs.indices.filter { node.op!.reads(node.inputs, $0) }.map { node.inputs[$0] }
    if node.op!.readsOutput { read.append(node) }
    return read.compactMap { places[ObjectIdentifier($0.storage.whole)] }
  }

  /// The gradient of a node is written from the last node that uses it on, and dead once it has been pulled through.
  private mutating func addGradients(_ steps: Int) {
    var gradients: [ObjectIdentifier: Int] = [:]
    var pass = steps
    var firstUse: [ObjectIdentifier: Int] = [:]
    for node in nodes.reversed() {
      let place: Int
      if let known = gradients[ObjectIdentifier(node)] {
        place = known
        items[place].last = pass
      } else {
        place = items.count
        let first = firstUse[ObjectIdentifier(node)] ?? steps
        items.append(
          Item(tensors: [], byteCount: node.byteCount, isGradient: true, first: first, last: pass))
      }
      items[place].tensors.append(node)
      if let forerunner = uses.forerunner(node) { gradients[ObjectIdentifier(forerunner)] = place }
      for input in node.inputs where firstUse[ObjectIdentifier(input)] == nil {
        firstUse[ObjectIdentifier(input)] = pass
      }
      pass += 1
    }
  }

  /// Gives everything its memory. `keepsValues`: values that derivatives read stay until the next run, for second ones.
  func place(keepsValues: Bool) throws {
    let (slots, sizes) = share(keepsValues: keepsValues)
    var free: [Int: [Storage]] = [:]
    var seen: Set<ObjectIdentifier> = []
    for item in items {
      let storage = item.isGradient ? item.tensors[0].gradient.storage : item.tensors[0].storage.whole
      if let storage, !storage.isDropped, seen.insert(ObjectIdentifier(storage)).inserted {
        free[storage.byteCount, default: []].append(storage)
      }
    }
    // All or none.
    let storages = try sizes.map { size in try free[size]?.popLast() ?? Storage(byteCount: size) }
    for (item, slot) in zip(items, slots) {
      for tensor in item.tensors {
        if item.isGradient {
          tensor.gradient = SweepBuffer(storage: storages[slot])
        } else {
          tensor.storage = tensor.storage.moved(to: storages[slot])
        }
      }
    }
    // A run computes all values anew, and an optimizer changes parameters between runs; but where memory is shared
    // nothing can be computed from them after a run.
    for node in nodes { node.versions = [] }
    if !keepsValues {
      let moved = Set(items.filter { !$0.isGradient }.flatMap(\.tensors).map { ObjectIdentifier($0) })
      for node in nodes {
        let reads = node.inputs.indices.contains {
          node.op!.reads(node.inputs, $0) && moved.contains(ObjectIdentifier(node.inputs[$0]))
        }
        if reads || node.op!.readsOutput && moved.contains(ObjectIdentifier(node)) {
          node.versions = [Tensor.noVersion]
        }
      }
    }
  }

  /// The number of each item's memory, and how large each memory is.
  private func share(keepsValues: Bool) -> (slots: [Int], sizes: [Int]) {
    var slots = [Int](repeating: 0, count: items.count)
    var sizes: [Int] = []
    var free: [Int: [Int]] = [:]
    var ending = [[Int]](repeating: [], count: passes)
    var pass = 0
    for i in items.indices.sorted(by: { (items[$0].first, $0) < (items[$1].first, $1) }) {
      let item = items[i]
      while pass < item.first {
        for ended in ending[pass] { free[items[ended].byteCount, default: []].append(slots[ended]) }
        pass += 1
      }
      if let slot = free[item.byteCount]?.popLast() {
        slots[i] = slot
      } else {
        slots[i] = sizes.count
        sizes.append(item.byteCount)
      }
      if item.lastDerivative == nil || !keepsValues {
        ending[max(item.last, item.lastDerivative ?? 0)].append(i)
      }
    }
    return (slots, sizes)
  }
}
