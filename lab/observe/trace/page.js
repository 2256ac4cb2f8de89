(function () {
  "use strict";
  var steps = Array.prototype.slice.call(document.querySelectorAll(".stations ol li"));
  var drawing = document.querySelector(".topology");
  var words = document.querySelector(".player output");
  var back = document.getElementById("back"), on = document.getElementById("on");
  if (!steps.length || !drawing || !words) { return; }
  document.documentElement.classList.add("js");
  var at = -1;
  function show(number) {
    at = Math.max(-1, Math.min(number, steps.length - 1));
    document.querySelectorAll(".now").forEach(function (each) { each.classList.remove("now"); });
    drawing.classList.toggle("stepping", at >= 0);
    back.disabled = at < 0;
    on.disabled = at === steps.length - 1;
    if (at < 0) { words.textContent = "Step through the layers, from the first to the last node."; return; }
    var step = steps[at];
    step.classList.add("now");
    drawing.querySelectorAll('[data-node="' + step.dataset.node + '"]').forEach(function (node) { node.classList.add("now"); });
    drawing.querySelectorAll('[data-hop="' + step.dataset.hop + '"]').forEach(function (hop) { hop.classList.add("now"); });
    words.textContent = (at + 1) + " of " + steps.length + ": " + step.dataset.node + ", " + step.dataset.layer + ". " +
      step.querySelector(".words").textContent;
  }
  back.addEventListener("click", function () { show(at - 1); });
  on.addEventListener("click", function () { show(at + 1); });
  show(-1);
})();
