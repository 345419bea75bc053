// Light, dark or as the system. No module: it runs before anything is drawn, so that the page never flashes.
(() => {
    const NAMES = { system: "as the system", light: "light", dark: "dark" };
    const read = () => {
        try {
            const kept = localStorage.getItem("theme");
            return kept in NAMES ? kept : "system";
        } catch {
            return "system"; // no storage
        }
    };
    let theme = read();
    const apply = () => {
        if (theme === "system") {
            delete document.documentElement.dataset.theme;
        } else {
            document.documentElement.dataset.theme = theme;
        }
        const button = document.getElementById("theme");
        if (button) {
            button.textContent = "Theme: " + NAMES[theme];
        }
    };
    apply();
    document.addEventListener("DOMContentLoaded", () => {
        apply();
        document.getElementById("theme").addEventListener("click", () => {
            const names = Object.keys(NAMES);
            theme = names[(names.indexOf(theme) + 1) % names.length];
            try {
                localStorage.setItem("theme", theme);
            } catch {
                // no storage: it holds until the page is left
            }
            apply();
        });
    });
})();
